"""The OpenTelemetry SDK as its own manual sets it up, and a count of what it was given."""

import logging
import os
from collections import Counter

from opentelemetry import metrics, trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import (
    OsResourceDetector,
    ProcessResourceDetector,
    Resource,
    get_aggregated_resources,
)
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

COMMIT = os.environ.get("SHOP_COMMIT", "3f1c9a7be0d24586a1f7c02d9e83b45c6d70e1fa")

# Longer than any run: what is sent when is the driver's to say (`Telemetry.flush`).
NEVER_MS = 600_000


class SpanCount(SpanProcessor):
    def __init__(self):
        self.by_trace = Counter()

    def on_end(self, span):
        self.by_trace[trace.format_trace_id(span.context.trace_id)] += 1


class LogCount(LogRecordProcessor):
    def __init__(self):
        self.by_trace = Counter()

    def on_emit(self, log_record):
        self.by_trace[trace.format_trace_id(log_record.log_record.trace_id or 0)] += 1

    def shutdown(self):
        pass

    def force_flush(self, timeout_millis=30_000):
        return True


def exporters(protocol: str, endpoint: str):
    if protocol == "grpc":
        from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

        settings = {"endpoint": endpoint, "insecure": True}
        return OTLPSpanExporter(**settings), OTLPLogExporter(**settings), OTLPMetricExporter(**settings)
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    return (
        OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces"),
        OTLPLogExporter(endpoint=f"{endpoint}/v1/logs"),
        OTLPMetricExporter(endpoint=f"{endpoint}/v1/metrics"),
    )


class Telemetry:
    def __init__(self, protocol: str, endpoint: str):
        span_exporter, log_exporter, metric_exporter = exporters(protocol, endpoint)
        resource = get_aggregated_resources(
            [OsResourceDetector(), ProcessResourceDetector()],
            initial_resource=Resource.create(
                {
                    "service.name": "checkout",
                    "service.version": "1.4.2",
                    "deployment.environment.name": "staging",
                    "vcs.ref.head.revision": COMMIT,
                    "k8s.namespace.name": "shop",
                    "k8s.pod.name": "checkout-6d5f9c7b8-x2x7p",
                }
            ),
        )
        self.spans, self.logs = SpanCount(), LogCount()

        self.tracer_provider = TracerProvider(resource=resource)
        self.tracer_provider.add_span_processor(self.spans)
        self.tracer_provider.add_span_processor(BatchSpanProcessor(span_exporter, schedule_delay_millis=NEVER_MS))
        trace.set_tracer_provider(self.tracer_provider)

        self.logger_provider = LoggerProvider(resource=resource)
        self.logger_provider.add_log_record_processor(self.logs)
        self.logger_provider.add_log_record_processor(
            BatchLogRecordProcessor(log_exporter, schedule_delay_millis=NEVER_MS)
        )
        set_logger_provider(self.logger_provider)
        logging.getLogger().setLevel(logging.DEBUG)
        logging.getLogger().addHandler(LoggingHandler(logger_provider=self.logger_provider))
        for noisy in ("opentelemetry", "urllib3", "grpc", "asyncio"):
            logging.getLogger(noisy).propagate = False

        self.meter_provider = MeterProvider(
            resource=resource,
            metric_readers=[PeriodicExportingMetricReader(metric_exporter, export_interval_millis=NEVER_MS)],
        )
        metrics.set_meter_provider(self.meter_provider)

    def flush(self):
        """Sends everything: first what triggers nothing, so that a decision never waits for the rest of the batch."""
        for provider in (self.meter_provider, self.logger_provider, self.tracer_provider):
            if not provider.force_flush():
                raise SystemExit(f"{type(provider).__name__} could not send what it holds")
