"""The laboratory as a web application: addresses, and what each of them does."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import (
    FileResponse,
    HTMLResponse,
    JSONResponse,
    PlainTextResponse,
    RedirectResponse,
    Response,
    StreamingResponse,
)
from starlette.routing import Route

from tcpexp import __version__
from tcpexp.batch.rows import Job
from tcpexp.lab import assets, runs
from tcpexp.lab.bench import Bench
from tcpexp.lab.config import LabConfig
from tcpexp.lab.errors import Refused
from tcpexp.lab.examine import Asked, Examined, examine, require_class_limits, require_offered
from tcpexp.lab.guard import Guard, TooLarge
from tcpexp.lab.notebook import notebook_of
from tcpexp.lab.sessions import Session, Sessions
from tcpexp.lab.shelf import Entry, Shelf, chapter_rows
from tcpexp.report.page.embed import page_policy
from tcpexp.runs.options import RunOptions

#: A page that hears nothing for this long hears a beat, so that both know that the other is there.
BEAT_S = 15.0
TAB_CHARACTERS = 40
QUESTION_CHARACTERS = 4000
Answer = Callable[[Request], Awaitable[Response]]


class Lab:
    """One laboratory: what it offers, who is there, and what is being done."""

    def __init__(self, config: LabConfig) -> None:
        self.config = config
        self.shelf = Shelf(config.folders)
        self.sessions = Sessions(config)
        self.bench = Bench(config)

    def app(self) -> Starlette:
        """Return the application."""
        routes = [
            Route("/", self.front),
            Route("/enter", self.enter, methods=["POST"]),
            Route("/static/{version}/{name}", self.static),
            Route("/api/shelf", self.api(self.list_shelf)),
            Route("/api/search", self.api(self.search)),
            Route("/api/schema", self.api(self.schema)),
            Route("/api/examine", self.api(self.examine), methods=["POST"]),
            Route("/api/confirm", self.api(self.confirm), methods=["POST"]),
            Route("/api/run", self.api(self.run), methods=["POST"]),
            Route("/api/stop", self.api(self.stop), methods=["POST"]),
            Route("/api/show", self.api(self.show), methods=["POST"]),
            Route("/api/view/{number:int}", self.api(self.view)),
            Route("/api/history", self.api(self.history)),
            Route("/api/notes", self.api(self.notes), methods=["GET", "POST"]),
            Route("/api/spec", self.api(self.spec_of_run)),
            Route("/api/notebook", self.api(self.notebook)),
            Route("/api/events", self.api(self.events)),
            Route("/runs/{experiment}/{id}/{file:path}", self.api(self.file)),
        ]
        return Starlette(
            routes=routes,
            middleware=[Middleware(Guard, config=self.config)],
            lifespan=self._lifespan,
            exception_handlers={TooLarge: _too_large, ClientDisconnect: _gone},
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        await self.bench.open()
        try:
            yield
        finally:
            self.sessions.close()
            await self.bench.close()

    def api(self, act: Callable[[Request, Session], Awaitable[Response]]) -> Answer:
        """Return what answers a request of somebody who is here, and refuses all others."""

        async def answer(request: Request) -> Response:
            try:
                session = self.sessions.find(request.cookies.get(self.sessions.cookie))
                if session is None:
                    raise Refused(401, "open the link that the laboratory printed")
                return await act(request, session)
            except Refused as refused:
                return JSONResponse({"error": refused.message, **refused.more}, refused.status)

        return answer

    # ---- doors

    async def front(self, request: Request) -> Response:
        """The page; with the link's token a browser gets its cookie first."""
        given = request.query_params.get("token")
        session = self.sessions.find(request.cookies.get(self.sessions.cookie))
        if given is not None:
            if not self.sessions.is_token(given):
                return PlainTextResponse("this link is not, or no longer, this laboratory's\n", 403)
            me = self.sessions.find(request.query_params.get("me"))
            if me is None and session is None and self.config.limits is not None:
                return HTMLResponse(assets.door().replace("{token}", given))
            return self._let_in(me or session or self.sessions.enter())
        if session is None:
            return PlainTextResponse(
                "open the link that the laboratory printed: it holds the key\n", 401
            )
        return HTMLResponse(assets.page())

    async def enter(self, request: Request) -> Response:
        """Let a student in by the class's token and a name of their own."""
        from urllib.parse import parse_qs

        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        token, name = (form.get(key, [""])[0] for key in ("token", "name"))
        if self.config.limits is None or not self.sessions.is_token(token):
            return PlainTextResponse("this link is not, or no longer, this laboratory's\n", 403)
        try:
            return self._let_in(self.sessions.enter(name))
        except Refused as refused:
            return PlainTextResponse(f"{refused.message}\n", refused.status)

    def _let_in(self, session: Session) -> Response:
        response = RedirectResponse("/", 303)
        response.set_cookie(
            self.sessions.cookie,
            self.sessions.sign(session.id),
            httponly=True,
            samesite="strict",
            max_age=7 * 86400,
        )
        return response

    async def static(self, request: Request) -> Response:
        """A script or style of the page: the same for everyone, so no cookie is asked for."""
        found = assets.assets().get(request.path_params["name"])
        if found is None:
            return PlainTextResponse("there is no such file\n", 404)
        current = request.path_params["version"] == assets.version()
        keep = "private, max-age=31536000, immutable" if current else "no-store"
        return Response(found[0], media_type=found[1], headers={"cache-control": keep})

    # ---- specs

    async def list_shelf(self, request: Request, session: Session) -> Response:
        """All experiments by chapter, and what this laboratory is."""
        limits = self.config.limits
        me = f"{self.config.url}&me={self.sessions.sign(session.id)}" if limits else None
        return JSONResponse(
            {
                "version": __version__,
                "class": None if limits is None else {"name": session.id, "link": me},
                "chapters": chapter_rows(),
                "specs": await asyncio.to_thread(self.shelf.rows),
                "results": str(session.results),
            }
        )

    async def search(self, request: Request, session: Session) -> Response:
        """The experiments that fit a lab sheet's question."""
        question = request.query_params.get("q", "")[:QUESTION_CHARACTERS]
        return JSONResponse(await asyncio.to_thread(self.shelf.search, question))

    async def schema(self, request: Request, session: Session) -> Response:
        """The JSON Schema of specs, for completion."""
        text = await asyncio.to_thread(_schema_text)
        return Response(text, media_type="application/json")

    async def examine(self, request: Request, session: Session) -> Response:
        """A spec with its knobs, and what is wrong with it."""
        _, _, found = await self._examined(request, session)
        return JSONResponse(found.to_json())

    async def _examined(
        self, request: Request, session: Session
    ) -> tuple[dict[str, Any], Entry, Examined]:
        body = await _json_of(request)
        entry = self.shelf.find(str(body.get("spec", "")))
        asked = Asked.from_json(body)
        confirmed = frozenset(session.confirmed)
        if self.config.limits is not None:
            await asyncio.to_thread(require_offered, entry, asked)
        found = await asyncio.to_thread(examine, entry, asked, confirmed)
        if self.config.limits is not None:
            require_class_limits(asked, found, self.config.limits)
        return body, entry, found

    async def confirm(self, request: Request, session: Session) -> Response:
        """Take note that the user has read which programs a spec brings."""
        if self.config.limits is not None:
            raise Refused(403, "in a class nobody brings programs")
        body = await _json_of(request)
        session.confirmed.add(str(body.get("digest", ""))[:64])
        return JSONResponse({})

    # ---- runs

    async def run(self, request: Request, session: Session) -> Response:
        """Let a run of a spec wait for its turn."""
        body, entry, found = await self._examined(request, session)
        asked = Asked.from_json(body)
        if found.programs and not entry_trusted(self.config, entry, found, session):
            raise Refused(
                409,
                "this spec brings programs of its own",
                examined=found.to_json(),
            )
        if found.plan is None:
            raise Refused(422, "the spec has errors", examined=found.to_json())
        pinned = self._pinned(body, session)
        if self.config.limits is not None:
            most = self.config.limits.runs - 1
            await asyncio.to_thread(runs.keep_newest, session.results, most)
        work = self.bench.put(
            session, _tab(body), job=self._job(entry, asked, found, session), pinned=pinned
        )
        return JSONResponse({"work": work.id, "examined": found.to_json()})

    def _job(self, entry: Entry, asked: Asked, found: Examined, session: Session) -> Job:
        """Return the run that is asked for: that of the file with ``--set``, or of an edited text
        in its folder's company.
        """
        options = RunOptions(on=self.config.on, kernel=asked.kernel, out=session.results)
        named = entry.name if entry.shipped else str(entry.path)
        if asked.text is None:
            sets = [word for text in asked.overrides for word in ("--set", text)]
            kernel = ["--kernel", asked.kernel] if asked.kernel else []
            command = ("tcpexp", "run", named, *sets, *kernel)
            spec, overrides, folder = str(entry.path), asked.overrides, None
        else:
            spec = str(self.bench.write_spec(entry.path.stem, found.text))
            command, overrides, folder = ("tcpexp", "lab"), (), entry.path.resolve().parent
        return Job(
            spec,
            RunOptions(
                **{
                    **options.__dict__,
                    "overrides": overrides,
                    "command": command,
                    "folder": folder,
                }
            ),
        )

    def _pinned(self, body: dict[str, Any], session: Session) -> Path | None:
        name = body.get("pinned")
        return runs.find_run(session.results, str(name)) if name else None

    async def stop(self, request: Request, session: Session) -> Response:
        """End a page's run; what it recorded is kept."""
        body = await _json_of(request)
        return JSONResponse({"stopped": self.bench.stop(session, _tab(body))})

    async def show(self, request: Request, session: Session) -> Response:
        """Make the view of a recorded run, alone or over a pinned one."""
        body = await _json_of(request)
        run, pinned = (
            runs.find_run(session.results, str(body.get("run", ""))),
            self._pinned(body, session),
        )
        known = self.bench.known_view(session, run, pinned)
        if known is not None:
            return JSONResponse({"view": f"view/{known}"})
        work = self.bench.put(session, _tab(body), run=run, pinned=pinned)
        return JSONResponse({"work": work.id})

    async def view(self, request: Request, session: Session) -> Response:
        """A view that was made: what the page shows of a run."""
        path = self.bench.view_file(session, request.path_params["number"])
        return FileResponse(path, media_type="application/json")

    async def history(self, request: Request, session: Session) -> Response:
        """The runs in the results folder, the newest first."""
        return JSONResponse(await asyncio.to_thread(runs.list_runs, session.results))

    async def notes(self, request: Request, session: Session) -> Response:
        """What was noted on a run; a POST keeps it."""
        if request.method == "POST":
            body = await _json_of(request)
            run = runs.find_run(session.results, str(body.get("run", "")))
            text = body.get("text")
            if not isinstance(text, str):
                raise Refused(400, "notes are a text")
            await asyncio.to_thread(runs.write_notes, run, text)
            return JSONResponse({})
        run = self._run_of(request, session)
        return JSONResponse({"text": runs.read_notes(run)})

    async def spec_of_run(self, request: Request, session: Session) -> Response:
        """The spec of a run as it was run, and what the shelf calls its experiment."""
        run = self._run_of(request, session)
        rows = await asyncio.to_thread(self.shelf.rows)
        names = {row["experiment"]: row["name"] for row in reversed(rows)}
        text = await asyncio.to_thread(runs.spec_text, run)
        return JSONResponse({"text": text, "spec": names.get(run.parent.name)})

    async def notebook(self, request: Request, session: Session) -> Response:
        """A notebook that opens a run."""
        run = self._run_of(request, session)
        names = {entry.path.stem for entry in self.shelf.entries() if entry.shipped}
        text = notebook_of(run, run.parent.name if run.parent.name in names else None)
        return Response(
            text,
            media_type="application/x-ipynb+json",
            headers={"content-disposition": f'attachment; filename="{run.parent.name}.ipynb"'},
        )

    def _run_of(self, request: Request, session: Session) -> Path:
        return runs.find_run(session.results, request.query_params.get("run", ""))

    async def file(self, request: Request, session: Session) -> Response:
        """A file of a run: its report as a page, every other to be saved."""
        given = request.path_params
        run = runs.find_run(session.results, f"{given['experiment']}/{given['id']}")
        path = runs.find_file(run, given["file"])
        if path.parent == run and path.name == "report.html":
            policy = await asyncio.to_thread(report_policy, path)
            return FileResponse(
                path, media_type="text/html", headers={"content-security-policy": policy}
            )
        return FileResponse(
            path,
            media_type="application/octet-stream",
            filename=path.name,
            headers={"content-security-policy": "default-src 'none'; sandbox"},
        )

    # ---- events

    async def events(self, request: Request, session: Session) -> Response:
        """What happens, for one page, as server-sent events."""
        tab = str(request.query_params.get("tab", ""))[:TAB_CHARACTERS]
        queue = session.open_tab(tab)

        async def stream() -> AsyncIterator[str]:
            try:
                yield "retry: 1000\n\n"
                while True:
                    try:
                        text = await asyncio.wait_for(queue.get(), BEAT_S)
                    except TimeoutError:
                        yield ": here\n\n"
                        continue
                    if text is None:
                        return
                    yield f"data: {text}\n\n"
            finally:
                session.close_tab(tab, queue)

        return StreamingResponse(stream(), media_type="text/event-stream")


def entry_trusted(config: LabConfig, entry: Entry, found: Examined, session: Session) -> bool:
    """Return whether a spec's programs may run: a class's teacher chose its specs; a user has
    confirmed them.
    """
    return config.limits is not None or found.digest in session.confirmed


def report_policy(path: Path) -> str:
    """Return the policy under which a report is shown: only the script of this version's reports
    may run; a report of another version runs apart from the laboratory, as if it were elsewhere.
    """
    policy = page_policy()
    with path.open(encoding="utf-8", errors="replace") as file:
        ours = policy in file.read(4000)
    if ours:
        return f"{policy}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    return "sandbox allow-scripts allow-downloads; frame-ancestors 'none'"


def _schema_text() -> str:
    from tcpexp.catalogue import load_catalogue
    from tcpexp.spec.schema import json_schema

    return json.dumps(json_schema(load_catalogue()), separators=(",", ":"))


async def _json_of(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.body())
    except (ValueError, RecursionError):
        raise Refused(400, "the request is no JSON") from None
    if not isinstance(body, dict):
        raise Refused(400, "the request is no mapping")
    return body


def _tab(body: dict[str, Any]) -> str:
    return str(body.get("tab", ""))[:TAB_CHARACTERS]


async def _too_large(request: Request, error: Exception) -> Response:
    return PlainTextResponse("the request is too large\n", 413)


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=400)
