package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime/debug"
	"strings"

	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.opentelemetry.io/otel/trace"
)

// recovering makes of a handler's panic an exception of its span and an answer with status 500.
func recovering(handler http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(answer http.ResponseWriter, request *http.Request) {
		span := trace.SpanFromContext(request.Context())
		answer.Header().Set("X-Trace-Id", span.SpanContext().TraceID().String())
		defer func() {
			cause := recover()
			if cause == nil {
				return
			}
			span.AddEvent(semconv.ExceptionEventName, trace.WithAttributes(
				semconv.ExceptionType(fmt.Sprintf("%T", cause)),
				semconv.ExceptionMessage(fmt.Sprint(cause)),
				semconv.ExceptionStacktrace(string(debug.Stack())),
			))
			span.SetStatus(codes.Error, fmt.Sprint(cause))
			if report := raceReport(); report != "" {
				slog.ErrorContext(request.Context(), report)
			}
			slog.ErrorContext(request.Context(), "request failed", "cause", fmt.Sprint(cause))
			answer.WriteHeader(http.StatusInternalServerError)
		}()
		handler(answer, request)
	})
}

// raceReport is what the race detector has written so far: to the `log_path` that GORACE names.
func raceReport() string {
	for _, option := range strings.Fields(os.Getenv("GORACE")) {
		if path, isPath := strings.CutPrefix(option, "log_path="); isPath {
			report, _ := os.ReadFile(fmt.Sprintf("%s.%d", path, os.Getpid()))
			return string(report)
		}
	}
	return ""
}
