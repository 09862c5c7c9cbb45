"""The checkout API: a small Flask service with one fault in it."""

from flask import Flask
from opentelemetry import trace

from app.handlers import report


def create_app() -> Flask:
    app = Flask("checkout")
    app.register_blueprint(report.blueprint)

    @app.after_request
    def name_the_trace(response):
        context = trace.get_current_span().get_span_context()
        response.headers["X-Trace-Id"] = trace.format_trace_id(context.trace_id)
        return response

    return app
