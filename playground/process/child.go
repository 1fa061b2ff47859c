package process

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
)

// ExitWithParent ends this process as soon as its standard input closes. Nothing is tidied: the parent is gone, and
// etcd is the only one with anything on disk.
func ExitWithParent() {
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // an unreadable input is a closed one
		os.Exit(1)
	}()
}

// Reap is the reaper's life: it reads "+group" and "-group" lines, and when they end it kills the groups still listed.
func Reap(lines io.Reader) error {
	groups, err := readGroups(lines)
	for group := range groups {
		_ = syscall.Kill(-group, syscall.SIGKILL) // it may have ended already
	}
	return err
}

func readGroups(lines io.Reader) (map[int]bool, error) {
	groups := map[int]bool{}
	scan := bufio.NewScanner(lines)
	for scan.Scan() {
		line := scan.Text()
		if line == "" {
			continue
		}
		group, err := strconv.Atoi(line[1:])
		switch {
		case err != nil || group <= 1: // 0 and 1 would mean everybody
			return groups, fmt.Errorf("reaper: %q is no process group", line)
		case line[0] == '+':
			groups[group] = true
		case line[0] == '-':
			delete(groups, group)
		default:
			return groups, fmt.Errorf("reaper: %q is neither + nor -", line)
		}
	}
	return groups, scan.Err()
}
