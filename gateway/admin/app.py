"""The admin application: /metrics, /healthz, /readyz.

Not here: what is measured (telemetry/), where it listens (observer.py).
Promise: reads only; any other path or method gets a JSON answer that says what there is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from gateway.admin.health import Health
from gateway.telemetry.pipeline import Telemetry

PATHS = ("/metrics", "/healthz", "/readyz")
HEALTH: web.AppKey[Health] = web.AppKey("health", Health)


def create_admin_app(telemetry: Telemetry, health: Health) -> web.Application:
    """The application of the admin port."""
    app = web.Application(middlewares=[_json_errors])
    app[HEALTH] = health

    async def metrics(request: web.Request) -> web.Response:
        # Rendered on this loop: in the observer no stream runs on it.
        body, content_type = telemetry.render(", ".join(request.headers.getall("Accept", [])))
        return web.Response(body=body, headers={"Content-Type": content_type, "Vary": "Accept"})

    async def healthz(_request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(_request: web.Request) -> web.Response:
        facts = {
            "forwarders_connected": health.forwarders_connected,
            "forwarders_expected": health.forwarders_expected,
        }
        if health.ready:
            return web.json_response({"status": "ready", **facts})
        return web.json_response({"status": "not_ready", "reason": health.reason, **facts}, status=503)

    for path, handler in zip(PATHS, (metrics, healthz, readyz), strict=True):
        app.router.add_get(path, handler)
    return app


@web.middleware
async def _json_errors(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return web.json_response({"error": "not_found", "paths": list(PATHS)}, status=404)
    except web.HTTPMethodNotAllowed as exc:
        allowed = sorted(exc.allowed_methods)
        return web.json_response(
            {"error": "method_not_allowed", "allowed": allowed}, status=405, headers={"Allow": ", ".join(allowed)}
        )
