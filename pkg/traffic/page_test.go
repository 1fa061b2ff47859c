package traffic

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/routers.md")

//go:generate go test -run TestRoutersPage . -update

// TestRoutersPage keeps docs/routers.md what the rows say.
func TestRoutersPage(t *testing.T) {
	const path = "../../docs/routers.md"
	want := page()
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the rows say; run: go generate ./pkg/traffic", path)
	}
}

func page() string {
	var b strings.Builder
	b.WriteString(`# Routers

<!-- Made from the rows in pkg/traffic by go generate ./pkg/traffic; edit those. -->

A router is the object that splits traffic between green and blue. dro uses the one that the cluster has: it finds the
objects that send traffic to green's Service, puts blue beside it, and writes two weights. Nothing else in the object
changes, and at the end it is what it was, to the field and its owner. ` + "`kubectl dro routers`" + ` says which of these the
cluster at hand has.

Objects are looked for in the whole cluster when you may list them there, else in the application's namespace. When
objects of several kinds name green's Service, the blueprint says which one splits its traffic:
` + "`router: httproute/food`" + `, or ` + "`router: NAME/food`" + ` with a name from this table. A router that is not in it can be
[described in the blueprint](blueprint.md#router).

| name | router | served versions | shares | TCP | how it is known to have taken a change |
|---|---|---|---|---|---|
`)
	for _, r := range Rows() {
		shares := "any"
		if !r.Can.Weights {
			shares = "0 % and 100 %"
		}
		if r.Shares != "" {
			shares = r.Shares
		}
		tcp := ""
		if r.Can.TCP {
			tcp = "yes"
		}
		versions := strings.Join(append([]string{r.Version}, r.Older...), ", ")
		if r.Group != "" {
			versions = r.Group + " " + versions
		}
		fmt.Fprintf(&b, "| `%s` | [%s](%s) | %s | %s | %s | %s |\n", r.Name, r.Title, r.Docs, versions, shares, tcp, r.Observed.Says())
	}
	b.WriteString("\n## Who goes to blue beside its share\n\nThe [blueprint's phases](blueprint.md#phases) ask for it; " +
		"a router that is not in this table can do none of it, and says so before anything is written.\n\n" +
		"| name | `match` by | `sticky` | `mirror` |\n|---|---|---|---|\n")
	yes := map[bool]string{true: "yes"}
	together := map[bool]string{true: ", all components of one host together"}
	for _, r := range Rows() {
		if c := r.Choosing; c.Match != "" || c.Sticky != "" || c.Mirror != "" {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.Name, strings.Join(c.By, ", "), yes[c.Sticky != ""]+together[c.Sticky == cookieSticky], yes[c.Mirror != ""])
		}
	}
	b.WriteString("\n## What is written\n\nPaths are those of the object; `[*]` stands for every element of a list.\n\n| name | in | verbs | to know |\n|---|---|---|---|\n")
	for _, r := range Rows() {
		var in []string
		for _, l := range r.Lists {
			in = append(in, "`"+l.Path+"`")
			for _, beside := range []string{l.First, l.Single} {
				if beside != "" {
					in = append(in, "`"+beside+"`")
				}
			}
		}
		if r.Via != nil {
			in = append(in, "`"+r.Via.List+"`")
		}
		if r.Weights != "" {
			in = append(in, "annotation `"+r.Weights+"`")
		}
		if r.Form != "" {
			in = []string{r.Form.says()}
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", r.Name, strings.Join(in, ", "), strings.Join(r.Verbs(), ", "), r.Note)
	}
	b.WriteString(`
## What is refused

These are told before anything is written, and traffic stays as it was:

- a rule that names green twice: leave one of them;
- a share that green's weight can't be divided into, beside other backends: multiply all weights of the rule;
- weights that don't add up to 100, where the router wants that;
- an object that names blue already: another rollout is under way, or was cut off;
- a rule without green, when someone edited the object during the rollout;
- a write that the API server, an admission webhook or your rights refuse. What had moved until then goes back.
`)
	return b.String()
}
