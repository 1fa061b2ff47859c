package smoke

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 3*lineMost+7)
	for name, tc := range map[string]struct {
		text string
		want []string
	}{
		"none":            {"", nil},
		"no end of line":  {"a\nb", []string{"a", "b"}},
		"empty lines":     {"\n\na\r\n", []string{"", "", "a"}},
		"as long as fits": {strings.Repeat("y", lineMost-1) + "\nb", []string{strings.Repeat("y", lineMost-1), "b"}},
		"too long":        {long + "\nb\n", []string{long[:lineMost] + "…", "b"}},
		"too long at end": {"a\n" + long, []string{"a", long[:lineMost] + "…"}},
		"control chars":   {"\x1b[2J\x00\n", []string{"\x1b[2J\x00"}},
	} {
		for kind, reader := range map[string]io.Reader{"at once": strings.NewReader(tc.text), "in bytes": iotest.OneByteReader(strings.NewReader(tc.text))} {
			var got []string
			n, err := lines(reader, func(l string) bool { got = append(got, l); return true })
			if err != nil || n != int64(len(tc.text)) || !slices.Equal(got, tc.want) {
				t.Errorf("%s %s: %d bytes, %v, %.80q", name, kind, n, err, got)
			}
		}
	}
}

// A live view that breaks anywhere, and the rest read later from where it broke, are together the whole log.
func TestLinesGoOn(t *testing.T) {
	text := "one\ntwo " + strings.Repeat("z", 2*lineMost) + "\nthree\n\nfour"
	var want []string
	if _, err := lines(strings.NewReader(text), func(l string) bool { want = append(want, l); return true }); err != nil {
		t.Fatal(err)
	}
	for most := range len(want) + 1 {
		var got []string
		take := func(l string) bool {
			if len(got) == most {
				return false
			}
			got = append(got, l)
			return true
		}
		n, err := lines(strings.NewReader(text), take)
		if err != nil {
			t.Fatal(err)
		}
		most = 1 << 30
		if _, err := lines(strings.NewReader(text[n:]), take); err != nil || !slices.Equal(got, want) {
			t.Errorf("%v, %.80q", err, got)
		}
	}
	broken := errors.New("reset")
	if _, err := lines(io.MultiReader(strings.NewReader("a\n"), iotest.ErrReader(broken)), func(string) bool { return true }); !errors.Is(err, broken) {
		t.Errorf("a broken log is %v", err)
	}
}

func TestTail(t *testing.T) {
	var kept tail
	for i := range 100000 {
		kept.add(fmt.Sprintf("line %d", i))
	}
	text := kept.String()
	first, _, _ := strings.Cut(text, "\n")
	var n int
	if _, err := fmt.Sscanf(first, "line %d", &n); err != nil || len(text) > logMost || len(text) < logMost-100 {
		t.Errorf("kept %d bytes from %q", len(text), first)
	}
	if !strings.HasSuffix(text, "line 99999\n") || kept.last() != "line 99999" || strings.Count(text, "\n") != 100000-n {
		t.Errorf("ends with %q", text[len(text)-30:])
	}
	if cap(kept.text) > 4*logMost {
		t.Errorf("holds %d bytes", cap(kept.text))
	}
}
