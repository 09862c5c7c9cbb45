// A Google Cloud Storage server for tests: fake-gcs-server with the one call that it lacks.
//
// Object stores' clients create objects through the XML API: PUT /bucket/object, with x-goog-if-generation-match as the
// precondition. fake-gcs-server knows that path for signed URLs alone, and without preconditions, so such a PUT is handed
// to its JSON upload, which has both.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/fsouza/fake-gcs-server/fakestorage"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:4443", "address and port")
	bucket := flag.String("bucket", "casefiles", "a bucket to begin with")
	flag.Parse()

	server, err := fakestorage.NewServerWithOptions(fakestorage.Options{
		NoListener: true, Scheme: "http", PublicHost: *listen, ExternalURL: "http://" + *listen,
	})
	if err != nil {
		log.Fatal(err)
	}
	server.CreateBucketWithOpts(fakestorage.CreateBucketOpts{Name: *bucket})
	log.Fatal(http.ListenAndServe(*listen, xmlPut(server.HTTPHandler())))
}

func xmlPut(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		bucket, object, found := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		reserved := bucket == "upload" || bucket == "storage" || bucket == "_internal" || bucket == "batch"
		if r.Method != http.MethodPut || !found || object == "" || reserved {
			next.ServeHTTP(w, r)
			return
		}
		// Read before it is handed on: an upload cut short must store nothing.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		query := url.Values{"uploadType": {"media"}, "name": {object}}
		if generation := r.Header.Get("x-goog-if-generation-match"); generation != "" {
			query.Set("ifGenerationMatch", generation)
		}
		upload := r.Clone(r.Context())
		upload.Method = http.MethodPost
		upload.URL = &url.URL{Path: "/upload/storage/v1/b/" + bucket + "/o", RawQuery: query.Encode()}
		upload.RequestURI = upload.URL.RequestURI()
		upload.Body = io.NopCloser(bytes.NewReader(body))
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, upload)
		var stored struct{ Etag, Generation string }
		if answer.Code == http.StatusOK && json.Unmarshal(answer.Body.Bytes(), &stored) == nil {
			w.Header().Set("ETag", `"`+strings.Trim(stored.Etag, `"`)+`"`)
			w.Header().Set("x-goog-generation", stored.Generation)
			w.WriteHeader(http.StatusOK)
			return
		}
		w.WriteHeader(answer.Code)
		if _, err := w.Write(answer.Body.Bytes()); err != nil {
			log.Print(err)
		}
	})
}
