// Package pkg holds no code. Its test keeps the rooms apart: which package may import which.
package pkg

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "dro.dev/kubectl-dro/"

// rooms says what each package may import of ours, in the order in which data travels: no arrow goes back.
// Packages below a room belong to it.
var rooms = []struct {
	name string
	may  []string
}{
	{"pkg/near", nil},
	{"pkg/blueprint", []string{"pkg/near"}},
	{"pkg/event", nil},
	{"pkg/record", []string{"pkg/near", "pkg/event"}},
	{"pkg/plan", []string{"pkg/near", "pkg/blueprint", "pkg/record"}},
	{"pkg/slot", []string{"pkg/blueprint"}},
	{"pkg/smoke", []string{"pkg/blueprint"}},
	{"pkg/traffic", []string{"pkg/blueprint"}},
	{"pkg/kpi", []string{"pkg/blueprint"}},
	{"pkg/rollout", []string{"pkg/plan", "pkg/record", "pkg/event"}},
	{"pkg/audit", []string{"pkg/event", "pkg/record"}},
	{"pkg/notify", []string{"pkg/event"}},
	{"pkg/standby", []string{"pkg/record"}},
	{"pkg/printer", []string{"pkg/event", "pkg/record", "pkg/plan"}}, // of plan: the names of the kinds of step
	{"pkg/action", []string{"pkg/blueprint", "pkg/event", "pkg/record", "pkg/plan", "pkg/slot", "pkg/smoke",
		"pkg/traffic", "pkg/kpi", "pkg/rollout", "pkg/audit", "pkg/notify", "pkg/standby"}},
	{"pkg/console", []string{"pkg/action", "pkg/event"}},
	{"pkg/cmd", []string{"pkg/blueprint", "pkg/event", "pkg/record", "pkg/plan", "pkg/slot", "pkg/smoke", "pkg/traffic",
		"pkg/kpi", "pkg/rollout", "pkg/audit", "pkg/notify", "pkg/printer", "pkg/action", "pkg/console"}},
	{"cmd/kubectl-dro", []string{"pkg/cmd"}},
}

// reserved says which rooms alone may import what of others, so that it can be replaced in one place.
var reserved = []struct {
	prefix string
	rooms  []string
}{
	{"helm.sh/helm/", []string{"pkg/slot"}},
	{"github.com/spf13/cobra", []string{"pkg/cmd"}},
	{"github.com/prometheus/", []string{"pkg/kpi"}},
	{"k8s.io/client-go/", []string{"pkg/record", "pkg/slot", "pkg/smoke", "pkg/traffic", "pkg/kpi", "pkg/notify",
		"pkg/standby", "pkg/action", "pkg/cmd"}},
	{"k8s.io/cli-runtime/", []string{"pkg/slot", "pkg/printer", "pkg/action", "pkg/cmd"}},
}

// TestImports reads every file of the module and holds it against the tables.
func TestImports(t *testing.T) {
	read := 0
	for _, top := range []string{"pkg", "cmd"} {
		err := fs.WalkDir(os.DirFS(".."), top, func(file string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(file, ".go") || strings.HasSuffix(file, "_test.go") {
				return err
			}
			read++
			parsed, err := parser.ParseFile(token.NewFileSet(), "../"+file, nil, parser.ImportsOnly)
			if err != nil {
				return err
			}
			for _, i := range parsed.Imports {
				imported, err := strconv.Unquote(i.Path.Value)
				if err != nil {
					return fmt.Errorf("%s: %w", file, err)
				}
				if broken := check(path.Dir(file), imported); broken != "" {
					t.Errorf("%s: %s", file, broken)
				}
			}
			return nil
		})
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if read < 10 {
		t.Errorf("only %d files were read: the test looks in the wrong place", read)
	}
}

// check says what is wrong with a file in folder importing a package, or "".
func check(folder, imported string) string {
	from := room(folder)
	if from == "" {
		return "there is no room " + folder + " in the import table"
	}
	for _, r := range reserved {
		if strings.HasPrefix(imported+"/", r.prefix) && !slices.Contains(r.rooms, from) {
			return fmt.Sprintf("%s imports %s, which only %s may", from, imported, strings.Join(r.rooms, ", "))
		}
	}
	ours, is := strings.CutPrefix(imported, module)
	if !is || room(ours) == from {
		return ""
	}
	for _, r := range rooms {
		if r.name == from && slices.Contains(r.may, room(ours)) {
			return ""
		}
	}
	return from + " may not import " + ours
}

// room is the row of the table that a folder belongs to, or "".
func room(folder string) string {
	for _, r := range rooms {
		if folder == r.name || strings.HasPrefix(folder, r.name+"/") {
			return r.name
		}
	}
	return ""
}

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		from, imported string
		fine           bool
	}{
		{"pkg/plan", "dro.dev/kubectl-dro/pkg/blueprint", true},
		{"pkg/kpi", "dro.dev/kubectl-dro/pkg/kpi/judge", true},
		{"pkg/blueprint", "dro.dev/kubectl-dro/pkg/plan", false},
		{"pkg/rollout", "dro.dev/kubectl-dro/pkg/traffic", false},
		{"pkg/rollout", "dro.dev/kubectl-dro/pkg/util", false},
		{"pkg/util", "strings", false},
		{"cmd/kubectl-dro", "dro.dev/kubectl-dro/pkg/action", false},
		{"pkg/slot", "helm.sh/helm/v3/pkg/action", true},
		{"pkg/action", "helm.sh/helm/v3/pkg/action", false},
		{"pkg/plan", "k8s.io/client-go/kubernetes", false},
		{"pkg/plan", "k8s.io/apimachinery/pkg/types", true},
		{"pkg/action", "github.com/spf13/cobra", false},
	} {
		if got := check(tc.from, tc.imported); (got == "") != tc.fine {
			t.Errorf("%s importing %s: %q, fine should be %v", tc.from, tc.imported, got, tc.fine)
		}
	}
}

// TestOrder keeps the table itself honest: a room may only import rooms above it.
func TestOrder(t *testing.T) {
	above := map[string]bool{}
	for _, r := range rooms {
		for _, m := range r.may {
			if !above[m] {
				t.Errorf("%s may import %s, which is not above it in the table", r.name, m)
			}
		}
		above[r.name] = true
	}
}
