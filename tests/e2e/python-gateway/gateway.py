"""The gateway before the service of orders.

Says on which port it listens, serves until its standard input ends, and then sends what it has recorded.
"""

import logging
import os
import sys
import threading

import requests
from flask import Flask
from opentelemetry import trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from werkzeug.serving import make_server

log = logging.getLogger("gateway")


def create_app() -> Flask:
    app = Flask("gateway")

    @app.get("/checkout/<order>")
    def checkout(order: str):
        log.info("checkout of order %s", order)
        answer = requests.get(f"{os.environ['ORDERS_URL']}/orders/{order}", timeout=30)
        if not answer.ok:
            log.error("orders answered %d", answer.status_code)
        answer.raise_for_status()
        return answer.json()

    @app.after_request
    def name_the_trace(response):
        context = trace.get_current_span().get_span_context()
        response.headers["X-Trace-Id"] = trace.format_trace_id(context.trace_id)
        return response

    return app


def main():
    # The SDK as its own manual sets it up; endpoint, service and resource come from OTEL_* variables.
    traces = TracerProvider()
    traces.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(traces)
    logs = LoggerProvider()
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    set_logger_provider(logs)
    log.setLevel(logging.DEBUG)
    log.addHandler(LoggingHandler(logger_provider=logs))
    RequestsInstrumentor().instrument()

    app = create_app()
    FlaskInstrumentor().instrument_app(app)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"listening on {server.server_port}", flush=True)

    sys.stdin.read()
    server.shutdown()
    for provider in (logs, traces):
        if not provider.force_flush():
            raise SystemExit(f"{type(provider).__name__} could not send what it holds")


if __name__ == "__main__":
    main()
