"""Runs the API on a free port, sends it good requests and one bad one, flushes, and says in JSON what was sent.

    drive.py --protocol grpc --endpoint http://127.0.0.1:4317
"""

import argparse
import json
import threading
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from opentelemetry.instrumentation.flask import FlaskInstrumentor
from werkzeug.serving import make_server

from app import create_app
from app.telemetry import COMMIT, Telemetry

BAD_TS = "2025-07-01 12:03"
EMAIL = "jane.doe@example.com"


def get(port: int, ts: str, email: str):
    query = urllib.parse.urlencode({"ts": ts, "email": email}, quote_via=urllib.parse.quote)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/report?{query}", timeout=30) as response:
            return response.status, response.headers["X-Trace-Id"]
    except urllib.error.HTTPError as error:
        return error.code, error.headers["X-Trace-Id"]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--protocol", choices=["grpc", "http"], required=True)
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--good", type=int, default=50)
    arguments = parser.parse_args()

    telemetry = Telemetry(arguments.protocol, arguments.endpoint)
    app = create_app()
    FlaskInstrumentor().instrument_app(app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    # The bad one stands in the middle of the good ones, four at a time, so that logs of several requests mingle.
    requests = [(f"2025-07-01 12:03:{second % 60:02}", f"user{second}@example.com") for second in range(arguments.good)]
    requests.insert(arguments.good // 2, (BAD_TS, EMAIL))
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda request: get(server.server_port, *request), requests))
    server.shutdown()
    server.server_close()

    failed = [trace_id for status, trace_id in answers if status == 500]
    if len(failed) != 1 or [status for status, _ in answers].count(200) != arguments.good:
        raise SystemExit(f"expected one failure and {arguments.good} successes, not {answers}")
    telemetry.flush()
    untraced = telemetry.logs.by_trace["0" * 32]
    print(
        json.dumps(
            {
                "trace_id": failed[0],
                "commit": COMMIT,
                "spans": telemetry.spans.by_trace.total(),
                "logs": telemetry.logs.by_trace.total(),
                "untraced_logs": untraced,
                "failed_spans": telemetry.spans.by_trace[failed[0]],
                "failed_logs": telemetry.logs.by_trace[failed[0]],
            }
        )
    )


if __name__ == "__main__":
    main()
