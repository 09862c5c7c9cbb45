// Writes JSON Schemas for kubeconform: of the kinds that Casefile's chart makes, from what Kubernetes, the operators of
// Prometheus and OpenTelemetry, and KEDA publish about them, each in their Go module. Unknown fields and nulls are refused.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

type object = map[string]any

const reference = "#/definitions/"

// builtIn are the kinds of Kubernetes itself, by the names of their definitions.
var builtIn = []string{
	"io.k8s.api.core.v1.ConfigMap",
	"io.k8s.api.core.v1.Pod",
	"io.k8s.api.core.v1.Service",
	"io.k8s.api.core.v1.ServiceAccount",
	"io.k8s.api.apps.v1.Deployment",
	"io.k8s.api.apps.v1.StatefulSet",
	"io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler",
	"io.k8s.api.networking.v1.NetworkPolicy",
	"io.k8s.api.policy.v1.PodDisruptionBudget",
}

func main() {
	if len(os.Args) < 4 {
		fail(fmt.Errorf("usage: %s OUT SWAGGER.JSON CRD.YAML", os.Args[0]))
	}
	out := os.Args[1]
	fail(os.MkdirAll(out, 0o755))
	var swagger object
	fail(json.Unmarshal(read(os.Args[2]), &swagger))
	definitions := swagger["definitions"].(object)
	for name, definition := range definitions {
		strict(definition.(object), name)
	}
	for _, name := range builtIn {
		definition := definitions[name].(object)
		used := object{}
		reach(definition, definitions, used)
		schema := object{"definitions": used}
		for key, value := range definition {
			schema[key] = value
		}
		id := definition["x-kubernetes-group-version-kind"].([]any)[0].(object)
		write(out, id["group"].(string), id["version"].(string), id["kind"].(string), schema)
	}
	for _, path := range os.Args[3:] {
		var crd object
		fail(yaml.Unmarshal(read(path), &crd))
		spec := crd["spec"].(object)
		for _, version := range spec["versions"].([]any) {
			version := version.(object)
			schema := version["schema"].(object)["openAPIV3Schema"].(object)
			strict(schema, "")
			// Metadata is any object there; what may stand in it is Kubernetes' own.
			used := object{}
			metadata := definitions["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"].(object)
			reach(metadata, definitions, used)
			schema["definitions"] = used
			schema["properties"].(object)["metadata"] = metadata
			kind := spec["names"].(object)["kind"].(string)
			write(out, spec["group"].(string), version["name"].(string), kind, schema)
		}
	}
}

// strict makes a schema of OpenAPI one of JSON Schema that allows no field beside those it names.
func strict(schema object, name string) {
	if name == "io.k8s.apimachinery.pkg.util.intstr.IntOrString" || schema["x-kubernetes-int-or-string"] == true {
		delete(schema, "type")
		delete(schema, "format")
		schema["anyOf"] = []any{object{"type": "integer"}, object{"type": "string"}}
		return
	}
	if name == "io.k8s.apimachinery.pkg.api.resource.Quantity" {
		delete(schema, "type")
		schema["anyOf"] = []any{object{"type": "number"}, object{"type": "string"}}
		return
	}
	delete(schema, "format")
	properties, has := schema["properties"].(object)
	if has {
		_, open := schema["additionalProperties"]
		if !open && schema["x-kubernetes-preserve-unknown-fields"] != true {
			schema["additionalProperties"] = false
		}
		for _, property := range properties {
			strict(property.(object), "")
		}
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if inner, is := schema[key].(object); is {
			strict(inner, "")
		}
	}
	for _, key := range []string{"allOf", "anyOf", "oneOf"} {
		// These name fields that stand beside them: they are not made strict.
		if list, is := schema[key].([]any); is && !has {
			for _, inner := range list {
				strict(inner.(object), "")
			}
		}
	}
}

// reach collects the definitions that a schema refers to, directly or not.
func reach(value any, definitions, used object) {
	switch value := value.(type) {
	case object:
		if name, is := value["$ref"].(string); is {
			name = strings.TrimPrefix(name, reference)
			if _, seen := used[name]; !seen {
				used[name] = definitions[name]
				reach(definitions[name], definitions, used)
			}
		}
		for _, inner := range value {
			reach(inner, definitions, used)
		}
	case []any:
		for _, inner := range value {
			reach(inner, definitions, used)
		}
	}
}

// write names a schema as kubeconform asks for it: {{.Group}}/{{.ResourceKind}}_{{.ResourceAPIVersion}}.json, where the group of the core is its version.
func write(out, group, version, kind string, schema object) {
	if group == "" {
		group = version
	}
	text, err := json.Marshal(schema)
	fail(err)
	folder := filepath.Join(out, group)
	fail(os.MkdirAll(folder, 0o755))
	fail(os.WriteFile(filepath.Join(folder, strings.ToLower(kind)+"_"+version+".json"), text, 0o644))
}

func read(path string) []byte {
	text, err := os.ReadFile(path)
	fail(err)
	return text
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
