"""``http_server`` and ``http_get``: a web server and a download."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tcpexp.actions.common import SECOND_NS, Name, Port, SocketAction, start_server
from tcpexp.plan.context import PlanContext
from tcpexp.plan.types import FlowPlan, Spawn
from tcpexp.units import Duration, QuantityError, Size

#: Becomes the client, so that signals and the exit status are its own; when it has ended (its end
#: of the pipe closes), the file's SHA-256 is printed and a file above the limit is dropped.
DOWNLOAD = """\
folder=$1 file=$2 limit=$3 pipe=$1/.ended.$$; shift 3
mkfifo "$pipe"
(
    exec < "$pipe"
    rm "$pipe"
    cat
    cd "$folder" 2> /dev/null && [ -f "$file" ] || exit
    sha256sum "$file"
    [ "$(wc -c < "$file")" -le "$limit" ] || rm "$file"
) &
exec "$@" 9> "$pipe"
"""

WRITE_OUT = (
    "status=%{http_code} bytes=%{size_download} connect_s=%{time_connect}"
    " first_byte_s=%{time_starttransfer} total_s=%{time_total} local_port=%{local_port}"
    " header_bytes=%{size_header}\\n"
)


def _check_file_name(name: str) -> str:
    parts = name.split("/")
    if (
        not name
        or name.startswith("/")
        or ".." in parts
        or "" in parts
        or any(sign in name for sign in "= \n?#%\0")
    ):
        raise QuantityError(
            f"'{name[:40]}' is not a file name for a web server",
            "write a plain name such as index.html",
        )
    return name


def _check_path(path: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9._~!$&'()*+,;:@%/-]{0,500}", path):
        raise QuantityError(
            f"'{path[:40]}' is not the path of a URL", "write a path such as /index.html"
        )
    return path


FileName = Annotated[str, AfterValidator(_check_file_name)]
UrlPath = Annotated[str, AfterValidator(_check_path)]


class GeneratedFile(BaseModel):
    """A file of pseudo-random bytes that depend only on the seed."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: Size = Field(le=1_000_000_000, description="the file's size")
    seed: int = Field(default=0, ge=0, lt=2**32, description="the same seed, the same bytes")


class HttpServer(SocketAction):
    """Serve files over HTTP from a host.

    Without `at` the server is ready before the experiment starts. With `keep_alive` (HTTP/1.1, what
    web servers do today) the connection stays open after the answer and the *client* closes first,
    so the client holds TIME-WAIT. With `keep_alive: false` (HTTP/1.0) the *server* closes first,
    and the server holds TIME-WAIT.

    Its log holds one JSON event per line: listening, accept, request, response (with the SHA-256 of
    what was sent), close.
    """

    example: ClassVar[str] = (
        '- {do: http_server, id: web, host: h2, files: {index.html: "Hello from h2.", '
        "big.bin: {size: 10MB, seed: 1}}}"
    )

    do: Literal["http_server"] = "http_server"
    host: str = Field(description="where it runs")
    port: Port = Field(default=80, description="TCP port")
    files: dict[FileName, str | GeneratedFile] = Field(
        default={"index.html": "Hello.\n"},
        description=(
            "what it serves: name to text, or to `{size: 10MB, seed: 1}` for pseudo-random bytes"
        ),
    )
    keep_alive: bool = Field(
        default=True,
        description="leave connections open after an answer, so that the client closes first",
    )
    backlog: int = Field(
        default=128,
        ge=0,
        le=65535,
        description=(
            "second argument of listen(2): bounds the accept queue, and the queue of half-open"
            " connections"
        ),
    )

    def compile(self, context: PlanContext) -> None:
        """Append the server: awaited before zero without ``at``, else at its time."""
        host = context.host(self.host, key="host")
        argv = [
            "python3",
            "-u",
            "-B",
            context.app("http_server"),
            "--port",
            str(self.port),
            "--backlog",
            str(self.backlog),
        ]
        if self.keep_alive:
            argv.append("--keep-alive")
        for name, content in self.files.items():
            if isinstance(content, GeneratedFile):
                argv += ["--generate", f"{name}={content.size}:{content.seed}"]
            else:
                argv += ["--file", f"{name}={context.file(f'{context.step_id}/{name}', content)}"]
        spawn, label = (
            Spawn(host, self.launched(context, tuple(argv)), allowed_status=self.allowed_status),
            f"web server on {host}:{self.port}",
        )
        if self.at is None:
            start_server(context, spawn, label, self.port, until_ns=self.until)
        else:
            context.listens(
                host, self.port, context.step(spawn, label, at_ns=self.at_ns, until_ns=self.until)
            )
        context.need(tools=("python3",))


class HttpGet(SocketAction):
    """Download one file over HTTP with curl or wget.

    The client's exit status is the action's: 0 is well; with curl 7 is "could not connect" and 28
    "timed out" (also when the kernel gave up on the connection); with wget 4 is a network failure
    and 8 an error reply. It tries once. The file's SHA-256 is printed to the log, and the file is
    kept in the run directory unless it is larger than `keep_up_to`.
    """

    takes_every: ClassVar[bool] = True

    example: ClassVar[str] = """\
- {do: http_server, host: h2}
- {at: 1s, do: http_get, id: get, from: h1, to: h2, path: /index.html, tool: wget, timeout: 20s}"""

    do: Literal["http_get"] = "http_get"
    from_: str = Field(alias="from", description="host that downloads")
    to: str = Field(description="host of the web server")
    port: Port = Field(default=80, description="TCP port of the web server")
    path: UrlPath = Field(default="/index.html", description="what to download")
    tool: Literal["curl", "wget"] = Field(default="curl", description="the program that downloads")
    flow: Name | None = Field(
        default=None,
        description="the flow's name in plots and checks; the action's `id` when silent",
    )
    connect_timeout: Duration | None = Field(
        default=None,
        gt=0,
        description=(
            "give up connecting after this; when silent curl waits 300s and wget as long as the"
            " kernel does"
        ),
    )
    timeout: Duration | None = Field(
        default=None,
        gt=0,
        description=(
            "give up after this: curl counts the whole download, wget the time without data"
        ),
    )
    verbose: bool = Field(
        default=False,
        description=(
            "log what the program does, such as the error with which `connect()` failed (curl's"
            " --verbose)"
        ),
    )
    fast_open: bool = Field(
        default=False,
        description=(
            "put the request into the SYN, once the client has a cookie of this server (RFC 7413;"
            " curl's --tcp-fastopen). The server's host needs bit 2 of net.ipv4.tcp_fastopen, and"
            " bit 1024 for servers that do not ask for it"
        ),
    )
    keep_up_to: Size = Field(
        default="1MB",
        validate_default=True,
        description="keep the downloaded file in the run directory up to this size",
    )

    @model_validator(mode="after")
    def _tool_fits(self) -> Self:
        if self.fast_open and self.tool != "curl":
            raise QuantityError("wget knows no Fast Open", "write tool: curl")
        return self

    def compile(self, context: PlanContext) -> None:
        """Append the download and its flow, whose sender is the server."""
        client, server = context.host(self.from_, key="from"), context.host(self.to, key="to")
        name = self.flow or context.step_id
        file = self.path.rsplit("/", 1)[-1] or "index.html"
        url = f"http://{context.url_host(server)}:{self.port}{self.path}"
        tool = self._curl(file, url) if self.tool == "curl" else self._wget(file, url)
        argv = ("sh", "-c", DOWNLOAD, "http_get", "{out}", file, str(self.keep_up_to), *tool)
        label = f"{self.tool} {self.path} from {server}"
        step = context.step(
            Spawn(client, self.launched(context, argv), allowed_status=self.allowed_status),
            label,
            at_ns=self.at_ns,
            until_ns=self.until,
            every_ns=self.every,
        )
        context.flow(
            FlowPlan(
                name,
                client,
                server,
                self.port,
                server,
                "http",
                step,
                "all",
                None,
                self.at_ns,
                self.until,
            )
        )
        context.need(tools=(self.tool,))

    def _curl(self, file: str, url: str) -> tuple[str, ...]:
        argv = [
            "curl",
            "-q",
            "--silent",
            "--show-error",
            "--noproxy",
            "*",
            "--write-out",
            WRITE_OUT,
        ]
        if self.verbose:
            argv.append("--verbose")
        if self.fast_open:
            argv.append("--tcp-fastopen")
        if self.connect_timeout is not None:
            argv += ["--connect-timeout", _seconds(self.connect_timeout)]
        if self.timeout is not None:
            argv += ["--max-time", _seconds(self.timeout)]
        return (*argv, "--output", "{out}/" + file, url)

    def _wget(self, file: str, url: str) -> tuple[str, ...]:
        argv = [
            "wget",
            "--no-config",
            "--verbose" if self.verbose else "--no-verbose",
            "--no-proxy",
            "--tries=1",
        ]
        if self.connect_timeout is not None:
            argv.append(f"--connect-timeout={_seconds(self.connect_timeout)}")
        if self.timeout is not None:
            argv.append(f"--read-timeout={_seconds(self.timeout)}")
        return (*argv, "-O", "{out}/" + file, url)


def _seconds(duration_ns: int) -> str:
    """Return a duration as decimal seconds."""
    return f"{duration_ns / SECOND_NS:.3f}"
