package process

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestMain lets this binary be the children that the tests start.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 {
		os.Exit(m.Run())
	}
	switch os.Args[1] {
	case ReaperCommand:
		if err := Reap(os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	case "obedient":
		ExitWithParent()
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		fmt.Println("here", strings.Join(os.Args[2:], " "))
		<-stop
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("here")
		select {}
	case "parent": // of a group and a command, to be killed by the test
		parent(os.Args[2])
	default:
		os.Exit(m.Run())
	}
	os.Exit(0)
}

func parent(dir string) {
	g, err := NewGroup(dir, quiet())
	if err == nil {
		err = g.Start("obedient")
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	r, err := StartReaper()
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	cmd := exec.Command("sleep", "1000")
	if err := r.Start(cmd); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	pid, err := os.ReadFile(filepath.Join(dir, "pids", "obedient"))
	fmt.Printf("%s %d %v\n", strings.TrimSpace(string(pid)), cmd.Process.Pid, err)
	select {}
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

// eventually looks again and again, as other processes can't be waited for.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// alive says whether a process runs; one that nobody has waited for yet does not.
func alive(pid int) bool {
	state, err := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return err == nil && !strings.HasPrefix(string(state), "Z")
}

func pidOf(dir, name string) int {
	text, err := os.ReadFile(filepath.Join(dir, "pids", name))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

func TestGroup(t *testing.T) {
	dir := t.TempDir()
	g, err := NewGroup(dir, quiet())
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"obedient", "stubborn"} {
		if err := g.Start(name, "a", "b"); err != nil {
			t.Fatal(err)
		}
		eventually(t, name+" is here", func() bool {
			text, err := os.ReadFile(g.Log(name))
			return err == nil && strings.HasPrefix(string(text), "here")
		})
	}
	if text, err := os.ReadFile(g.Log("obedient")); err != nil || string(text) != "here a b\n" {
		t.Errorf("its log: %q %v", text, err)
	}
	first := pidOf(dir, "obedient")
	if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it runs again", func() bool {
		text, err := os.ReadFile(g.Log("obedient"))
		return err == nil && strings.Count(string(text), "here") == 2 && pidOf(dir, "obedient") != first
	})
	pids := []int{pidOf(dir, "obedient"), pidOf(dir, "stubborn")}
	g.Stop()
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d outlived Stop", pid)
		}
	}
}

func TestChildrenEndWithAKilledParent(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "parent", t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var component, command int
	if _, err := fmt.Sscan(line, &component, &command); err != nil {
		t.Fatalf("%q: %v", line, err)
	}
	if !alive(component) || !alive(command) {
		t.Fatal("the children never ran")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	eventually(t, "the component ends", func() bool { return !alive(component) })
	eventually(t, "the command ends", func() bool { return !alive(command) })
}

func TestReadGroups(t *testing.T) {
	for text, want := range map[string][]int{
		"":                   nil,
		"+12\n+34\n-12\n":    {34},
		"+12\n-12\n-12\n+12": {12},
		"\n+5\n\n":           {5},
	} {
		got, err := readGroups(strings.NewReader(text))
		if err != nil || !slices.Equal(slices.Sorted(maps.Keys(got)), want) {
			t.Errorf("%q: %v %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"+", "+x", "12", "+0", "+1", "+-5", "*12"} {
		if got, err := readGroups(strings.NewReader(text)); err == nil {
			t.Errorf("%q is taken: %v", text, got)
		}
	}
}

// Whatever comes in, no group is ever killed that would mean everybody or another.
func FuzzReadGroups(f *testing.F) {
	f.Add("+12\n-12\n")
	f.Fuzz(func(t *testing.T, text string) {
		groups, _ := readGroups(strings.NewReader(text))
		for group := range groups {
			if group <= 1 || !strings.Contains(text, strconv.Itoa(group)) {
				t.Errorf("%q: would kill %d", text, group)
			}
		}
	})
}
