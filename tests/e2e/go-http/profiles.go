package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// profile is what is known of a customer.
type profile struct {
	name string
	plan string
}

// cache holds the profiles by the customer's id.
//
// The fault: refresh writes what show reads, and no lock keeps them apart.
type cache struct {
	profiles map[string]*profile
}

func newCache() *cache {
	return &cache{profiles: source()}
}

// source stands for the database.
func source() map[string]*profile {
	return map[string]*profile{"cust-17": {name: " Ada ", plan: "team"}, "cust-18": {name: "Grace", plan: "free"}}
}

// sourceTakes is how long the source takes to answer.
var sourceTakes = 10 * time.Second

// refresh reads all profiles anew, which takes the source a while.
func (c *cache) refresh() {
	clear(c.profiles)
	time.Sleep(sourceTakes)
	for id, found := range source() {
		c.profiles[id] = found
	}
}

func (c *cache) displayName(id string) string {
	found := c.profiles[id]
	return strings.TrimSpace(found.name)
}

func routes(c *cache) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /profiles/{id}", recovering(func(answer http.ResponseWriter, request *http.Request) {
		id := request.PathValue("id")
		trace.SpanFromContext(request.Context()).SetAttributes(attribute.String("app.profile.id", id))
		slog.InfoContext(request.Context(), "profile requested", "profile", id)
		fmt.Fprintln(answer, c.displayName(id))
	}))
	mux.Handle("POST /refresh", recovering(func(answer http.ResponseWriter, request *http.Request) {
		slog.WarnContext(request.Context(), "cache is refreshed while it is read")
		go c.refresh()
		answer.WriteHeader(http.StatusAccepted)
	}))
	return mux
}
