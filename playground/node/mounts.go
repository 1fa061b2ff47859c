package node

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// content is the files of one volume by their path in it.
type content map[string][]byte

// volumeContent reads what is in a volume. Kinds that stand for a disk are an error: there is none.
func volumeContent(namespace string, v corev1.Volume, known configs) (content, error) {
	switch {
	case v.EmptyDir != nil:
		return content{}, nil
	case v.ConfigMap != nil:
		return configMapContent(namespace, v.ConfigMap.Name, v.ConfigMap.Items, v.ConfigMap.Optional, known)
	case v.Secret != nil:
		return secretContent(namespace, v.Secret.SecretName, v.Secret.Items, v.Secret.Optional, known)
	case v.Projected != nil:
		all := content{}
		for _, source := range v.Projected.Sources {
			files, err := projectedContent(namespace, source, known)
			if err != nil {
				return nil, err
			}
			for name, text := range files {
				all[name] = text
			}
		}
		return all, nil
	}
	return nil, fmt.Errorf("the playground has only configMap, secret, emptyDir and projected volumes")
}

// projectedContent leaves service account tokens and pod fields out: no program of the playground reads them.
func projectedContent(namespace string, source corev1.VolumeProjection, known configs) (content, error) {
	switch {
	case source.ConfigMap != nil:
		return configMapContent(namespace, source.ConfigMap.Name, source.ConfigMap.Items, source.ConfigMap.Optional, known)
	case source.Secret != nil:
		return secretContent(namespace, source.Secret.Name, source.Secret.Items, source.Secret.Optional, known)
	}
	return nil, nil
}

func configMapContent(namespace, name string, items []corev1.KeyToPath, optional *bool, known configs) (content, error) {
	m, err := known.configMap(namespace, name)
	if err != nil {
		return nil, unlessOptional(err, optional)
	}
	all := content{}
	for key, text := range m.Data {
		all[key] = []byte(text)
	}
	for key, bytes := range m.BinaryData {
		all[key] = bytes
	}
	return pick(all, items, optional, "configmap "+name)
}

func secretContent(namespace, name string, items []corev1.KeyToPath, optional *bool, known configs) (content, error) {
	s, err := known.secret(namespace, name)
	if err != nil {
		return nil, unlessOptional(err, optional)
	}
	return pick(s.Data, items, optional, "secret "+name)
}

func pick(all content, items []corev1.KeyToPath, optional *bool, from string) (content, error) {
	if len(items) == 0 {
		return all, nil
	}
	picked := content{}
	for _, item := range items {
		text, found := all[item.Key]
		switch {
		case found:
			picked[item.Path] = text
		case optional == nil || !*optional:
			return nil, fmt.Errorf("%s references non-existent config key: %s", from, item.Key)
		}
	}
	return picked, nil
}

// mount is a path inside the container and the local path that stands for it.
type mount struct{ inside, local string }

// mountsOf lists c's mounts, the deepest first, given the folder that has the volumes.
func mountsOf(c *corev1.Container, volumes string) []mount {
	var all []mount
	for _, m := range c.VolumeMounts {
		all = append(all, mount{filepath.Clean(m.MountPath), filepath.Join(volumes, m.Name, m.SubPath)})
	}
	slices.SortFunc(all, func(a, b mount) int { return len(b.inside) - len(a.inside) })
	return all
}

// localise replaces paths below a mount with the local ones, as local processes have no file system of their own.
func localise(text string, mounts []mount) string {
	var out strings.Builder
	for at := 0; at < len(text); {
		m, found := mountAt(text, at, mounts)
		if !found {
			out.WriteByte(text[at])
			at++
			continue
		}
		out.WriteString(m.local)
		at += len(m.inside)
	}
	return out.String()
}

// mountAt finds the mount whose path starts at this place, as a whole path and not as a part of another.
func mountAt(text string, at int, mounts []mount) (mount, bool) {
	if at > 0 && partOfPath(text[at-1]) {
		return mount{}, false
	}
	for _, m := range mounts {
		rest, found := strings.CutPrefix(text[at:], m.inside)
		if found && m.inside != "/" && (rest == "" || rest[0] == '/' || !partOfPath(rest[0])) {
			return m, true
		}
	}
	return mount{}, false
}

func partOfPath(b byte) bool {
	return b == '/' || b == '.' || b == '-' || b == '_' || b >= '0' && b <= '9' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= 0x80
}
