package node

import (
	"io"
	"net/http"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Catalogue says which images the playground plays itself. It answers false for any other.
type Catalogue func(image string) (Program, bool)

// Program makes the handler of one container from its environment. An error is a container that ends at once with
// exit code 1; the error is the last line of its log.
type Program func(env map[string]string, log io.Writer) (http.Handler, error)

// Entry says which program of this machine is an image's entry point. It answers false for any other image.
type Entry func(image string) (path string, ok bool)

// entry is the program that c's image stands for, unless c names a command of its own.
func (n *Node) entry(c *corev1.Container) (path string, ok bool) {
	if n.Entry == nil || len(c.Command) > 0 {
		return "", false
	}
	return n.Entry(c.Image)
}

// role is how a container is played.
type role int

const (
	unknown role = iota // nothing can be pulled under this name
	handler             // by the catalogue
	command             // as a local process
)

// missing in an image's name makes it one that no registry has, whatever the container's command.
const missing = "/missing"

// cast decides how c is played when its image is, or isn't, in the catalogue.
func cast(c *corev1.Container, inCatalogue bool) role {
	switch {
	case strings.Contains(c.Image, missing):
		return unknown
	case len(c.Command) > 0:
		return command // as a command takes the place of a real image's entry point
	case inCatalogue:
		return handler
	case len(c.Args) > 0:
		return command
	}
	return unknown
}
