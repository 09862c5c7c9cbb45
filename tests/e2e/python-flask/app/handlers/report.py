"""GET /report: a customer's report at an instant."""

import logging
from datetime import datetime

from flask import Blueprint, request
from opentelemetry import trace

FORMAT = "%Y-%m-%d %H:%M:%S"

blueprint = Blueprint("report", __name__)
log = logging.getLogger("checkout.report")
tracer = trace.get_tracer("checkout.report")


def parse_report(ts: str) -> datetime:
    # The fault: an instant without seconds is what half of the clients send.
    return datetime.strptime(ts, FORMAT)


@blueprint.get("/report")
def get_report():
    ts = request.args["ts"]
    email = request.args["email"]
    log.info("report requested by %s", email)
    log.debug("request has %d arguments", len(request.args), extra={"http.route": "/report"})
    if len(ts) != len("2025-07-01 12:03:00"):
        log.warning("unusual instant in the request of %s: %r", email, ts, extra={"user.email": email})
    with tracer.start_as_current_span("report.parse") as span:
        span.set_attribute("user.email", email)
        span.set_attribute("code.function.name", "parse_report")
        try:
            at = parse_report(ts)
        except ValueError:
            log.exception("report for %s failed", email)
            raise
    log.info("report for %s is ready", email)
    return {"at": at.isoformat()}
