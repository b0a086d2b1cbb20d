"""The Cache tab of Locust's page: the table's columns, the routes and the script, and the check of the form.

Locust renders the table (extended_tables); panel.js draws the charts below it. All addresses are relative, so that the
tab also works under --web-base-path.
"""

import csv
import io
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request, send_file
from locust.web import WebUI

from stampede.loadtests.locustfiles.live.live_metrics import LiveMetrics

KEY = "cache"
COLUMNS = (
    ("contender", "Contender"),
    ("scenario", "Scenario"),
    ("requests", "Requests"),
    ("failed", "Failed"),
    ("p50_us", "p50 (µs)"),
    ("p99_us", "p99 (µs)"),
    ("hit_pct", "Hit rate (%)"),
    ("loads_per_s", "Loads/s"),
    ("queries_per_s", "DB queries/s"),
    ("active", "DB active"),
    ("commands_per_s", "Redis ops/s"),
    ("memory_mb", "Redis MB"),
    ("stale_at_least", "Stale reads (at least)"),
    ("refused", "Refused (429)"),
    ("admitted", "Admitted"),
    ("entitled", "Entitled"),
)
PANEL = Path(__file__).with_name("panel.js")
REPORT_WITHIN_S = 180.0


class CacheTab:
    """Adds the tab to Locust's page. `refuse` returns why a form cannot be run; empty if it can."""

    def __init__(
        self, ui: WebUI, base_path: str, folder: Path, metrics: LiveMetrics, refuse: Callable[[dict[str, str]], str]
    ) -> None:
        app = ui.app
        assert app is not None
        self._ui = ui
        self._app = app
        self._folder = folder
        self._metrics = metrics
        self._refuse = refuse
        self._rendering = threading.Lock()
        ui.template_args.update(
            extended_tabs=[{"key": KEY, "title": "Cache"}],
            extended_tables=[{"key": KEY, "structure": [{"key": key, "title": title} for key, title in COLUMNS]}],
            extended_csv_files=[
                {"href": "stampede/cache.csv", "title": "Download cache CSV"},
                {"href": "stampede/report.html?download=1", "title": "Download Stampede's report"},
            ],
        )
        routes = Blueprint("stampede", __name__, url_prefix=f"{base_path}/stampede")
        for rule, view in (
            ("/live.json", self.live),
            ("/cache.csv", self.as_csv),
            ("/report.html", self.report),
            ("/panel.js", self.script),
        ):
            guarded = ui.auth_required_if_enabled(view)  # type: ignore[no-untyped-call]
            routes.add_url_rule(rule, view.__name__, guarded)
        app.register_blueprint(routes)
        app.before_request(self._check_form)
        app.after_request(self._extend)

    def live(self) -> Response:
        """The table's rows and the charts' points; `awake`: whether more will come."""
        runner = self._ui.environment.runner
        return jsonify(
            {
                "state": getattr(runner, "state", ""),
                "awake": self._metrics.awake,
                "rows": self._metrics.rows(),
                "points": list(self._metrics.points),
            }
        )

    def as_csv(self) -> Response:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([key for key, _ in COLUMNS])
        writer.writerows([[row[key] for key, _ in COLUMNS] for row in self._metrics.rows()])
        return Response(
            text.getvalue(), mimetype="text/csv", headers={"Content-Disposition": "attachment; filename=cache.csv"}
        )

    def report(self) -> Response:
        """Render the run folder's report and send it; 409 while cells run, because rendering would slow them down."""
        if self._ui.environment.runner is None or self._ui.environment.runner.state in ("spawning", "running"):
            return Response("Stop the test first: rendering the report would disturb the measurement.\n", 409)
        with self._rendering:
            written = subprocess.run(
                [sys.executable, "-P", "-m", "stampede", "report", str(self._folder)],
                capture_output=True,
                text=True,
                check=False,
                timeout=REPORT_WITHIN_S,
            )
        if written.returncode:
            return Response(f"No report: {written.stderr.strip()[-500:]}\n", 500, mimetype="text/plain")
        path = self._folder / "report.html"
        return send_file(path, as_attachment="download" in request.args, download_name=f"{self._folder.name}.html")

    def script(self) -> Response:
        if not PANEL.is_file():
            abort(404)
        return send_file(PANEL, mimetype="text/javascript")

    def _check_form(self) -> Response | None:
        """Refuse a form that cannot be run before Locust starts its users; the page shows the message."""
        if request.endpoint != "locust.swarm":
            return None
        reason = self._refuse({name: str(value) for name, value in request.form.items()})
        return jsonify({"success": False, "message": reason}) if reason else None

    def _extend(self, response: Response) -> Response:
        if request.endpoint == "locust.request_stats" and response.is_json:
            data: dict[str, Any] = response.get_json()
            shown = [
                {key: "" if value is None else value for key, value in row.items()} for row in self._metrics.rows()
            ]
            data["extended_stats"] = [{"key": KEY, "data": shown}]
            response.set_data(self._app.json.dumps(data))
        elif request.endpoint == "locust.index" and response.mimetype == "text/html":
            page = response.get_data(as_text=True)
            response.set_data(page.replace("</body>", '<script src="stampede/panel.js"></script></body>'))
        return response
