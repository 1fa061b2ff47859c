package slot

import (
	"fmt"
	"slices"
	"strings"

	"dro.dev/kubectl-dro/pkg/blueprint"
	corev1 "k8s.io/api/core/v1"
)

// image is an image reference taken apart.
type image struct{ repository, tag, digest string }

func parseImage(ref string) image {
	var i image
	ref, i.digest, _ = strings.Cut(ref, "@")
	i.repository = ref
	// A colon before the last slash belongs to the registry's port.
	if colon := strings.LastIndex(ref, ":"); colon > strings.LastIndex(ref, "/") {
		i.repository, i.tag = ref[:colon], ref[colon+1:]
	}
	return i
}

func (i image) String() string {
	ref := i.repository
	if i.tag != "" {
		ref += ":" + i.tag
	}
	if i.digest != "" {
		ref += "@" + i.digest
	}
	return ref
}

// version is what comes after the repository, as a chart's tag value takes it.
func (i image) version() string {
	return strings.TrimPrefix(image{tag: i.tag, digest: i.digest}.String(), ":")
}

// base is the last element of the repository.
func (i image) base() string { return i.repository[strings.LastIndex(i.repository, "/")+1:] }

// wanted is the reference a component asks for. Its repository is green's unless the component names another.
func wanted(c blueprint.Component, green string) (image, error) {
	given, want := parseImage(c.Image), parseImage(green)
	want.tag, want.digest = given.tag, given.digest
	if given.repository != "" {
		want.repository = given.repository
	}
	if c.Tag != "" {
		want.tag = c.Tag
	}
	if c.Digest != "" {
		want.digest = c.Digest
	}
	if want.tag == "" && want.digest == "" {
		return image{}, fmt.Errorf("%s: no new version is given\n  add tag: or digest: to the component", c.Name())
	}
	return want, nil
}

// container picks the container that takes a component's image: the one whose repository is called like the component,
// else the only one, else the one that listens on the Service's port.
func container(component string, all []corev1.Container, ports []corev1.ServicePort) (corev1.Container, error) {
	named := slices.DeleteFunc(slices.Clone(all), func(c corev1.Container) bool {
		return parseImage(c.Image).base() != component
	})
	if len(named) == 1 {
		return named[0], nil
	}
	if len(all) == 1 {
		return all[0], nil
	}
	serving := slices.DeleteFunc(slices.Clone(all), func(c corev1.Container) bool { return !serves(c, ports) })
	if len(serving) == 1 {
		return serving[0], nil
	}
	var names []string
	for _, c := range all {
		names = append(names, fmt.Sprintf("%s (%s)", c.Name, c.Image))
	}
	return corev1.Container{}, fmt.Errorf("can't tell which container takes the image of %s: %s\n"+
		"  none alone has an image called %s or the Service's target port", component, strings.Join(names, ", "), component)
}

func serves(c corev1.Container, ports []corev1.ServicePort) bool {
	return slices.ContainsFunc(ports, func(p corev1.ServicePort) bool {
		return slices.ContainsFunc(c.Ports, func(own corev1.ContainerPort) bool {
			target := p.TargetPort
			if target.StrVal == "" && target.IntVal == 0 {
				target.IntVal = p.Port // the API server's default
			}
			return target.StrVal != "" && target.StrVal == own.Name || target.IntVal != 0 && target.IntVal == own.ContainerPort
		})
	})
}
