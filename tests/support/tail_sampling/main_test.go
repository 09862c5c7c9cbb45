// The real tail_sampling processor, as a program: each line in is a configuration and traces, each line out the ids that it samples.
//
// It is a test binary since testing/synctest gives it a clock of its own: time passes when everything waits. A trace is sent each second, so
// that each is decided by itself, at a whole second, in the order in which it came.
package tailsampling

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/processor/tailsamplingprocessor"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer/consumertest"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/processor/processortest"
)

type question struct {
	// A `tail_sampling` block.
	Config map[string]any `json:"config"`
	// Export requests in protobuf, one a trace.
	Traces [][]byte `json:"traces"`
}

type answer struct {
	Sampled []string `json:"sampled"`
	Error   string   `json:"error,omitempty"`
}

func TestDecide(t *testing.T) {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := json.NewEncoder(os.Stdout)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return
		}
		var asked question
		if err := json.Unmarshal(line, &asked); err != nil {
			t.Fatal(err)
		}
		var said answer
		synctest.Test(t, func(t *testing.T) { said = decide(asked) })
		if err := out.Encode(said); err != nil {
			t.Fatal(err)
		}
	}
}

func decide(asked question) answer {
	factory := tailsamplingprocessor.NewFactory()
	config := factory.CreateDefaultConfig().(*tailsamplingprocessor.Config)
	if err := confmap.NewFromStringMap(asked.Config).Unmarshal(config); err != nil {
		return answer{Error: err.Error()}
	}
	config.DecisionWait = time.Second
	if err := config.Validate(); err != nil {
		return answer{Error: err.Error()}
	}
	ctx, sink := context.Background(), new(consumertest.TracesSink)
	processor, err := factory.CreateTraces(ctx, processortest.NewNopSettings(factory.Type()), config, sink)
	if err != nil {
		return answer{Error: err.Error()}
	}
	if err := processor.Start(ctx, componenttest.NewNopHost()); err != nil {
		return answer{Error: err.Error()}
	}
	unmarshaler := ptrace.ProtoUnmarshaler{}
	// Half a second past those at which it decides.
	time.Sleep(500 * time.Millisecond)
	for _, bytes := range asked.Traces {
		traces, err := unmarshaler.UnmarshalTraces(bytes)
		if err == nil {
			err = processor.ConsumeTraces(ctx, traces)
		}
		if err != nil {
			return answer{Error: err.Error()}
		}
		time.Sleep(time.Second)
	}
	time.Sleep(5 * time.Second)
	if err := processor.Shutdown(ctx); err != nil {
		return answer{Error: err.Error()}
	}
	said, seen := answer{Sampled: []string{}}, sync.Map{}
	for _, traces := range sink.AllTraces() {
		for _, resource := range traces.ResourceSpans().All() {
			for _, scope := range resource.ScopeSpans().All() {
				for _, span := range scope.Spans().All() {
					id := span.TraceID()
					if _, known := seen.LoadOrStore(id, true); !known {
						said.Sampled = append(said.Sampled, hex.EncodeToString(id[:]))
					}
				}
			}
		}
	}
	return said
}

func TestMain(m *testing.M) {
	code := m.Run()
	// What `go test` says would be taken for an answer.
	if code != 0 {
		fmt.Fprintln(os.Stderr, "failed")
	}
	os.Exit(code)
}
