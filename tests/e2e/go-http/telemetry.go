package main

import (
	"context"
	"errors"
	"log/slog"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// telemetry is the SDK as its own manual sets it up; endpoint, service and resource come from OTEL_* variables.
type telemetry struct {
	traces *sdktrace.TracerProvider
	logs   *sdklog.LoggerProvider
}

func start(ctx context.Context) (*telemetry, error) {
	about, err := resource.New(ctx, resource.WithFromEnv(), resource.WithTelemetrySDK(), resource.WithOS(),
		resource.WithProcessRuntimeName(), resource.WithProcessRuntimeVersion())
	if err != nil {
		return nil, err
	}
	spans, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, err
	}
	records, err := otlploghttp.New(ctx)
	if err != nil {
		return nil, err
	}
	telemetry := &telemetry{
		traces: sdktrace.NewTracerProvider(sdktrace.WithResource(about), sdktrace.WithBatcher(spans)),
		logs: sdklog.NewLoggerProvider(sdklog.WithResource(about),
			sdklog.WithProcessor(sdklog.NewBatchProcessor(records))),
	}
	otel.SetTracerProvider(telemetry.traces)
	otel.SetTextMapPropagator(propagation.TraceContext{})
	slog.SetDefault(otelslog.NewLogger("profiles", otelslog.WithLoggerProvider(telemetry.logs)))
	return telemetry, nil
}

// end sends everything: first what triggers nothing, so that a decision never waits for the rest.
func (t *telemetry) end(ctx context.Context) error {
	return errors.Join(t.logs.Shutdown(ctx), t.traces.Shutdown(ctx))
}
