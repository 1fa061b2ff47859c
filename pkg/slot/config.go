package slot

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
	corev1 "k8s.io/api/core/v1"
)

// config is a ConfigMap or Secret that is versioned with the slot.
type config struct {
	name   string // what workloads refer to
	kind   string // ConfigMap, Secret, or empty: as workloads refer to it
	text   map[string]string
	binary map[string][]byte
}

// given is a config whose content the blueprint holds.
func given(c blueprint.Config) config { return config{name: c.Name, text: c.Data} }

// fromConfigMap and fromSecret are configs copied from an object in the namespace.
func fromConfigMap(name string, o *corev1.ConfigMap) config {
	return config{name: name, kind: "ConfigMap", text: o.Data, binary: o.BinaryData}
}

func fromSecret(name string, o *corev1.Secret) config {
	return config{name: name, kind: "Secret", binary: o.Data}
}

// versioned is the name under which blue gets the config: the same content has the same name.
func (c config) versioned() (string, error) {
	content, err := json.Marshal([]any{c.text, c.binary}) // keys come out sorted
	if err != nil {
		return "", fmt.Errorf("config %s: %w", c.name, err)
	}
	sum := "-" + hash(string(content))[:10]
	return c.name[:min(len(c.name), longestName-len(sum))] + sum, nil
}

// bytes is all of a config's content, as a Secret holds it.
func (c config) bytes() map[string][]byte {
	all := map[string][]byte{}
	for key, value := range c.text {
		all[key] = []byte(value)
	}
	for key, value := range c.binary {
		all[key] = value
	}
	return all
}

// object is the config as a Kubernetes object.
func (c config) object(name string) object {
	o := newObject("v1", c.kind, name)
	text, binary := map[string]any{}, map[string]any{}
	for key, value := range c.text {
		text[key] = value
	}
	for key, value := range c.binary {
		binary[key] = base64.StdEncoding.EncodeToString(value)
	}
	o.Object["data"] = text
	if c.kind == "Secret" {
		o.Object["type"] = string(corev1.SecretTypeOpaque)
		o.Object["data"], o.Object["stringData"] = binary, text
	} else {
		o.Object["binaryData"] = binary
	}
	return o
}

// addConfigs adds the configs that the workloads refer to, under versioned names, and lets the workloads refer to
// those. It returns the configs that it added, each with its kind.
func addConfigs(all []object, configs []config) ([]object, []config, error) {
	var added []config
	for _, c := range configs {
		kind, err := c.wanted(all)
		if err != nil {
			return nil, nil, err
		}
		if kind == "" {
			continue
		}
		c.kind = kind
		name, err := c.versioned()
		if err != nil {
			return nil, nil, err
		}
		for _, o := range all {
			rename(o, func(k, n string) string {
				if k == kind && n == c.name {
					return name
				}
				return n
			})
		}
		o := c.object(name)
		o.SetLabels(map[string]string{labelConfig: c.name})
		all = append(all, o)
		added = append(added, c)
	}
	return all, added, nil
}

// wanted is the kind by which the workloads refer to the config, empty when none does.
func (c config) wanted(all []object) (string, error) {
	var kinds []string
	for _, o := range all {
		if id(o) == "ConfigMap/"+c.name || id(o) == "Secret/"+c.name {
			return "", fmt.Errorf("config %s: the chart makes the %s of that name itself\n"+
				"  change it through the component's values:, and drop it from configs:", c.name, strings.ToLower(o.GetKind()))
		}
		if !isWorkload(o) {
			continue
		}
		refers := referenced(o)
		for _, kind := range []string{"ConfigMap", "Secret"} {
			if refers[kind+"/"+c.name] && !slices.Contains(kinds, kind) {
				kinds = append(kinds, kind)
			}
		}
	}
	switch {
	case len(kinds) == 0:
		return "", nil
	case len(kinds) > 1:
		return "", fmt.Errorf("config %s: the workloads refer to a ConfigMap and to a Secret of that name\n"+
			"  rename one of them", c.name)
	case c.kind != "" && c.kind != kinds[0]:
		return "", fmt.Errorf("config %s: is copied from a %s, but the workloads refer to a %s of that name", c.name, c.kind, kinds[0])
	}
	return kinds[0], nil
}
