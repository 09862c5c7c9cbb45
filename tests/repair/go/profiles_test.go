package main

import (
	"net/http/httptest"
	"testing"
	"time"
)

// The suite that the service had when it failed.

func TestProfilesAreServed(t *testing.T) {
	answer := httptest.NewRecorder()
	routes(newCache()).ServeHTTP(answer, httptest.NewRequest("GET", "/profiles/cust-18", nil))
	if answer.Body.String() != "Grace\n" {
		t.Errorf("answered %q", answer.Body)
	}
}

func TestRefreshBringsProfiles(t *testing.T) {
	defer func(kept time.Duration) { sourceTakes = kept }(sourceTakes)
	sourceTakes = time.Millisecond
	c := &cache{profiles: map[string]*profile{}}
	c.refresh()
	if got := c.displayName("cust-17"); got != "Ada" {
		t.Errorf("the profile after a refresh is %q", got)
	}
}
