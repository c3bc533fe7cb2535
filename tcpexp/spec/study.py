"""What a sweep measures, draws and expects: the models of ``sweep: measures``, ``figures`` and
``expect`` (docs/guides/sweeps.md).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)

from tcpexp.record.columns import TableSchema
from tcpexp.record.tables import TABLES
from tcpexp.registry import suggest
from tcpexp.spec.expressions import number_of, parse_expression
from tcpexp.units import Duration, Fraction, QuantityError

_FROZEN = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, defer_build=True)
Scalar = str | int | float | bool


def _names_of(text: str | int | float | None) -> frozenset[str]:
    return frozenset() if text is None else parse_expression(text).names


def _check_expression(value: Any) -> Any:
    parse_expression(value)
    return value


ExpressionText = Annotated[str | int | float, BeforeValidator(_check_expression)]


def _parse_number(value: Any) -> float:
    number = number_of(value)
    if number is None:
        raise QuantityError(
            f"'{value}' is not a number", "write a number, or a quantity such as 9mbit or 20ms"
        )
    return number


#: A number, or a quantity in base units (bit/s, s, bytes, fraction).
Number = Annotated[float, BeforeValidator(_parse_number, json_schema_input_type=str | int | float)]


def find_table(name: str, info: ValidationInfo) -> TableSchema:
    """Return the schema of a table of every run, or of one that a recorder of the catalogue brings.

    Raises ``QuantityError`` with a suggestion.
    """
    catalogue = (info.context or {}).get("catalogue")
    known = TABLES if name in TABLES or catalogue is None else {**TABLES, **catalogue.tables()}
    if name not in known:
        raise QuantityError(
            f"there is no table '{name}'",
            suggest(name, list(known)) or "docs/reference/data.md names them",
        )
    return known[name]


class TableMeasure(BaseModel):
    """A number from one table of a run: rows of a flow and a time, one column, taken together."""

    model_config = _FROZEN

    table: str = Field(
        description="a table of the run, such as throughput or tcp_probe (docs/reference/data.md)"
    )
    column: str = Field(description="one of its columns")
    rows: dict[str, Scalar] = Field(
        default_factory=dict,
        description="only rows where these columns have these values, such as {flow: web}",
    )
    between: tuple[Duration, Duration] | None = Field(
        default=None, description="only rows of this time, such as [10s, 60s]"
    )
    take: Literal[
        "mean",
        "time_mean",
        "sum",
        "per_second",
        "min",
        "max",
        "median",
        "p5",
        "p95",
        "p99",
        "last",
        "count",
    ] = Field(
        default="mean",
        description=(
            "`mean` of the rows; `time_mean`, each row counting as long as it lasts until the next;"
            " `sum`; `per_second`, the sum over the time; `min`, `max`, `median`; `p5`, `p95`,"
            " `p99`, the value that so many percent are at most; `last`, or the `count` of rows"
        ),
    )
    scale: float = Field(
        default=1.0, description="what the number is multiplied by, such as 8 for bits of bytes"
    )

    @field_validator("table")
    @classmethod
    def _check_table(cls, value: str, info: ValidationInfo) -> str:
        find_table(value, info)
        return value

    @model_validator(mode="after")
    def _columns_exist(self, info: ValidationInfo) -> Self:
        columns = list(find_table(self.table, info).types)
        for name in (self.column, *self.rows):
            if name not in columns:
                raise QuantityError(
                    f"the table {self.table} has no column '{name}'",
                    suggest(name, columns) or f"it has {', '.join(columns)}",
                )
        if self.time_column() not in columns and (
            self.between is not None or self.take in ("time_mean", "per_second")
        ):
            raise QuantityError(
                f"the table {self.table} has no times", "choose another take, without between"
            )
        if self.take == "per_second" and self.between is None:
            raise QuantityError(
                "per_second needs the time that it is over", "add between: [10s, 60s]"
            )
        return self

    def time_column(self) -> str:
        """Return the column that says when a row was; a journey counts by its departure."""
        return "sent_ns" if self.table == "journeys" else "t_ns"


class _MeasureModel(BaseModel):
    """One number of each run: a metric, a number from a table, or an expression of parameters and
    measures above it.
    """

    model_config = _FROZEN

    metric: str | None = Field(
        default=None,
        min_length=1,
        description="a path in metrics.json, such as flows.web.goodput_bps",
    )
    from_: TableMeasure | None = Field(
        default=None, alias="from", description="a number from a table instead"
    )
    is_: ExpressionText | None = Field(
        default=None,
        alias="is",
        description="an expression of parameters and measures above it instead",
    )
    absent: Number | None = Field(
        default=None,
        description=(
            "what a metric or a number from a table counts as where a run has none, such as 0 for a"
            " counter that never moved"
        ),
    )
    unit: str = Field(
        default="", description="its unit, for axes: bit/s, ms, segments; bit/s are shown in Mbit/s"
    )
    label: str = Field(
        default="", description="words for axes and tables; the short name when silent"
    )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if sum(source is not None for source in (self.metric, self.from_, self.is_)) != 1:
            raise QuantityError(
                "a measure is a metric:, a number from: a table, or is: an expression",
                "keep one of the three",
            )
        return self

    def names(self) -> frozenset[str]:
        """Return the parameters and measures that it uses."""
        return _names_of(self.is_)


Measure = Annotated[
    _MeasureModel, BeforeValidator(lambda raw: {"metric": raw} if isinstance(raw, str) else raw)
]


class Reference(BaseModel):
    """Published values, drawn beside the measured ones: a curve, points, or both."""

    model_config = _FROZEN

    label: str = Field(min_length=1, description="who published it, for the legend")
    curve: ExpressionText | None = Field(
        default=None,
        description=(
            "an expression of parameters and measures, computed for each combination of values"
        ),
    )
    points: tuple[tuple[Number, Number], ...] = Field(
        default=(), description="published points: [[x, y], ...]"
    )

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.curve is None and not self.points:
            raise QuantityError(
                "a reference has a curve or points",
                "add curve: an expression, or points: [[x, y], ...]",
            )
        return self

    def names(self) -> frozenset[str]:
        """Return the parameters and measures that it uses."""
        return _names_of(self.curve)


class _Drawn(BaseModel):
    """What all figures of a study have."""

    model_config = _FROZEN

    title: str = Field(default="", description="the heading; made from the names when silent")
    caption: str = Field(default="", description="what a reader should see, under the figure")
    panels: str | None = Field(
        default=None, description="a parameter with one small panel for each of its values"
    )
    at: dict[str, Scalar] = Field(
        default_factory=dict,
        description="only combinations where these parameters have these values, such as {loss: 0}",
    )

    def _named(self, *names: str | None) -> frozenset[str]:
        return frozenset(name for name in (*names, self.panels, *self.at) if name is not None)


class Lines(_Drawn):
    """A measure over a parameter: the mean of the repetitions with its confidence interval, a line
    for each value of another parameter.
    """

    x: str = Field(description="the parameter along the horizontal axis")
    y: str = Field(description="the measure")
    by: str | None = Field(
        default=None, description="a parameter with one line for each of its values"
    )
    log: tuple[Literal["x", "y"], ...] = Field(
        default=(), description="logarithmic axes: [x], [y] or [x, y]"
    )
    reference: tuple[Reference, ...] = Field(
        default=(), description="published values beside the measured ones"
    )

    @field_validator("reference", mode="before")
    @classmethod
    def _expand(cls, raw: Any) -> Any:
        return [raw] if isinstance(raw, dict) else raw

    def names(self) -> frozenset[str]:
        """Return the parameters and measures that it uses."""
        return self._named(self.x, self.y, self.by).union(
            *(line.names() for line in self.reference)
        )


class HeatMap(_Drawn):
    """A measure over two parameters: a field for each pair of values, with the mean written into
    it.
    """

    x: str = Field(description="the parameter along the horizontal axis")
    y: str = Field(description="the parameter along the vertical axis")
    value: str = Field(description="the measure")

    def names(self) -> frozenset[str]:
        """Return the parameters and measures that it uses."""
        return self._named(self.x, self.y, self.value)


class Ellipses(_Drawn):
    """A measure against another, a point for each run.

    The ellipse holds one standard deviation of the repetitions.
    """

    x: str = Field(description="the measure along the horizontal axis, such as a delay")
    y: str = Field(description="the measure along the vertical axis, such as a throughput")
    by: str = Field(description="a parameter with one ellipse for each of its values")

    def names(self) -> frozenset[str]:
        """Return the parameters and measures that it uses."""
        return self._named(self.x, self.y, self.by)


class FigureEntry(BaseModel):
    """One figure: exactly one of these keys."""

    model_config = _FROZEN

    lines: Lines | None = Field(
        default=None, description="a measure over a parameter, with confidence intervals"
    )
    heat_map: HeatMap | None = Field(default=None, description="a measure over two parameters")
    ellipses: Ellipses | None = Field(default=None, description="a measure against another")

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(_given(self)) != 1:
            raise QuantityError(
                "an entry of figures: is one figure",
                "write for example - lines: {x: loss, y: goodput}",
            )
        return self

    def chosen(self) -> Lines | HeatMap | Ellipses:
        """Return the figure."""
        figure: Lines | HeatMap | Ellipses = _given(self)[0]
        return figure


class _Expected(BaseModel):
    """What all expectations of a study have."""

    model_config = _FROZEN

    measure: str = Field(description="the measure")
    at: dict[str, Scalar] = Field(
        default_factory=dict,
        description="only combinations where these parameters have these values",
    )
    because: str | None = Field(
        default=None, description="why this should be so; printed beside the verdict"
    )

    def names(self) -> frozenset[str]:
        """Return the parameters and measures that it uses."""
        return frozenset({self.measure, *self.at})


class ValueExpected(_Expected):
    """The mean of a measure, in each of the chosen combinations: near a value or an expression of
    parameters, or within bounds.
    """

    equals: ExpressionText | None = Field(
        default=None,
        description=(
            "a number or an expression of parameters, such as 1.22 * 1448B * 8 / (rtt * sqrt(loss))"
        ),
    )
    tolerance: Fraction = Field(default=0.05, description="how far from equals it may lie")
    at_least: ExpressionText | None = Field(default=None, description="a lower bound")
    at_most: ExpressionText | None = Field(default=None, description="an upper bound")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.equals is None and self.at_least is None and self.at_most is None:
            raise QuantityError("this expects nothing", "add equals:, at_least: or at_most:")
        return self

    def names(self) -> frozenset[str]:
        """Return the parameters and measures that it uses."""
        return (
            super()
            .names()
            .union(*(_names_of(bound) for bound in (self.equals, self.at_least, self.at_most)))
        )


class MonotoneExpected(_Expected):
    """The mean of a measure only rises, or only falls, along a parameter.

    Steps within the noise of the repetitions are let pass.
    """

    along: str = Field(description="the parameter")
    direction: Literal["rises", "falls"] = Field(description="which way")

    def names(self) -> frozenset[str]:
        """Return the parameters and measures that it uses."""
        return super().names() | {self.along}


class CrossingExpected(_Expected):
    """Along a parameter, a measure crosses a level, or another measure, once, and in a given
    range.
    """

    along: str = Field(description="the parameter")
    level: Number | None = Field(default=None, description="the level that is crossed")
    other: str | None = Field(default=None, description="the other measure that is crossed")
    between: tuple[Number, Number] = Field(description="where: [from, to] of the parameter")

    @model_validator(mode="after")
    def _one_partner(self) -> Self:
        if (self.level is None) == (self.other is None):
            raise QuantityError(
                "a crossing is with a level: or with another measure, other:", "keep one of the two"
            )
        return self

    def names(self) -> frozenset[str]:
        """Return the parameters and measures that it uses."""
        return super().names() | {self.along} | ({self.other} if self.other is not None else set())


class PowerLawExpected(_Expected):
    """A measure follows a power of a parameter: the slope of a straight line through both
    logarithms.
    """

    along: str = Field(description="the parameter")
    exponent: float = Field(description="the exponent, such as -0.5")
    tolerance: float = Field(
        default=0.05, ge=0, description="how far the fitted exponent may lie from it"
    )

    def names(self) -> frozenset[str]:
        """Return the parameters and measures that it uses."""
        return super().names() | {self.along}


class DifferenceExpected(_Expected):
    """A measure is larger for one value of a parameter than for another, by more than the
    repetitions vary; runs of one seed are compared with each other.
    """

    parameter: str = Field(description="the parameter")
    larger: Scalar = Field(description="its value for which the measure is larger")
    smaller: Scalar = Field(description="its value for which the measure is smaller")

    def names(self) -> frozenset[str]:
        """Return the parameters and measures that it uses."""
        return super().names() | {self.parameter}


class ExpectationEntry(BaseModel):
    """One expectation: exactly one of these keys."""

    model_config = _FROZEN

    value: ValueExpected | None = Field(default=None, description="near a value, or within bounds")
    monotone: MonotoneExpected | None = Field(
        default=None, description="only rises or only falls along a parameter"
    )
    crossing: CrossingExpected | None = Field(
        default=None, description="crosses a level or another measure in a range"
    )
    power_law: PowerLawExpected | None = Field(
        default=None, description="follows a power of a parameter"
    )
    difference: DifferenceExpected | None = Field(
        default=None, description="larger for one value than for another, beyond the noise"
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(_given(self)) != 1:
            raise QuantityError(
                "an entry of expect: is one expectation",
                "write for example - power_law: {measure: goodput, along: loss, exponent: -0.5}",
            )
        return self

    def chosen(
        self,
    ) -> (
        ValueExpected | MonotoneExpected | CrossingExpected | PowerLawExpected | DifferenceExpected
    ):
        """Return the expectation."""
        expected: (
            ValueExpected
            | MonotoneExpected
            | CrossingExpected
            | PowerLawExpected
            | DifferenceExpected
        ) = _given(self)[0]
        return expected


def _given(model: BaseModel) -> list[Any]:
    return [
        value for name in type(model).model_fields if (value := getattr(model, name)) is not None
    ]
