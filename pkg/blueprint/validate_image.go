package blueprint

import (
	"fmt"
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
)

// maxRelease is the longest name Helm gives a release; blue's is the component's with -blue.
const maxRelease = 53

func (c *check) images(images []Component) {
	if len(images) == 0 {
		c.add("images", "has no component", `list at least one, such as {svc: NAME, tag: "1.0.0"}`)
		return
	}
	seen := map[string]string{}
	for i, image := range images {
		c.image(fmt.Sprintf("images[%d]", i), image, seen)
	}
}

func (c *check) image(path string, image Component, seen map[string]string) {
	switch at := path + ".svc"; {
	case image.Svc != "" && image.MFE != "":
		c.add(path, "has both svc and mfe", "make them two components")
	case image.Name() == "":
		c.add(path, "has no name", "give svc: NAME or mfe: NAME")
	default:
		if image.Svc == "" {
			at = path + ".mfe"
		}
		name := image.Name()
		if c.name(at, name, validation.IsDNS1123Label) && len(name+"-blue") > maxRelease {
			c.add(at, fmt.Sprintf("%q has %d characters", name, len(name)), fmt.Sprintf("with -blue it is a Helm release, so it can have %d", maxRelease-len("-blue")))
		}
		c.once(seen, at, name)
	}
	c.reference(path, image)
	if image.Service != "" && image.Service != image.Name() {
		c.name(path+".service", image.Service, validation.IsDNS1123Label)
	}
	if image.Version != "" && image.Chart == "" {
		c.add(path+".version", "has no chart to be the version of", "give chart: or remove it")
	}
	for j, set := range image.Set {
		if key, _, ok := strings.Cut(set, "="); !ok || key == "" {
			c.add(fmt.Sprintf("%s.set[%d]", path, j), fmt.Sprintf("%q sets nothing", set), "write path=value")
		}
	}
	c.router(path+".router", image.Router)
}

// reference checks that the image's new version is said, and said once.
func (c *check) reference(path string, image Component) {
	var written, tag, digest string
	if image.Image != "" {
		m := reference.FindStringSubmatch(image.Image)
		if m == nil {
			c.add(path+".image", fmt.Sprintf("%q is not an image", image.Image), "write it like host/path/name:tag")
			return
		}
		written, tag, digest = m[1], m[2], m[3]
	}
	switch {
	case image.Tag+image.Digest+tag+digest == "":
		c.add(path, "does not say which version", "give tag: or digest:")
	case image.Tag != "" && tag != "":
		c.add(path+".image", fmt.Sprintf("has the tag %s beside tag: %s", tag, image.Tag), fmt.Sprintf("write image: %s", written))
	case image.Digest != "" && digest != "":
		c.add(path+".image", "has a digest beside digest:", fmt.Sprintf("write image: %s", written))
	}
	if image.Tag != "" && !tagSyntax.MatchString(image.Tag) {
		c.add(path+".tag", fmt.Sprintf("%q is not a tag", image.Tag), "use letters, digits, dots, dashes and underscores, at most 128")
	}
	if image.Digest != "" && !digestSyntax.MatchString(image.Digest) {
		c.add(path+".digest", fmt.Sprintf("%q is not a digest", image.Digest), "write sha256: and 64 hexadecimal digits")
	}
}

var (
	tagSyntax    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$`)
	digestSyntax = regexp.MustCompile(`^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$`)
	// reference is repository, tag and digest.
	reference = regexp.MustCompile(`^((?:[A-Za-z0-9.-]+(?::[0-9]+)?/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}))?$`)
)
