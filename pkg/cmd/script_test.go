package cmd_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"dro.dev/kubectl-dro/pkg/cmd"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"kubectl-dro": func() {
			os.Exit(cmd.Execute(context.Background(), os.Args[1:], cmd.Streams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}))
		},
	})
}

// TestScripts runs the command line as a user would; the scripts in testdata/script show what comes out.
func TestScripts(t *testing.T) {
	blueprints, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("BLUEPRINTS", blueprints)
			env.Setenv("HOME", env.WorkDir)
			return nil
		},
	})
}
