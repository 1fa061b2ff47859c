package blueprint

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"unicode/utf8"
)

// inline reads the config files into Data, so that the blueprint stands for itself from then on. Files must lie in
// or below its folder: a blueprint from elsewhere can't pick up what else is on the machine.
func (b *Blueprint) inline(folder fs.FS) []*Error {
	var found []*Error
	room := maxSize
	for i := range b.Configs {
		c := &b.Configs[i]
		if len(c.Files) == 0 || c.sources() != 1 {
			continue
		}
		c.Data = map[string]string{}
		for j, name := range c.Files {
			at := fmt.Sprintf("configs[%d].files[%d]", i, j)
			key := path.Base(name)
			if _, twice := c.Data[key]; twice {
				found = append(found, &Error{Path: at, Problem: fmt.Sprintf("a file named %s is in this config already", key), Hint: "rename one"})
				continue
			}
			text, err := readText(folder, name, room)
			if err != nil {
				found = append(found, &Error{Path: at, Problem: err.Error(), Hint: "files are found relative to the blueprint, in or below its folder"})
				continue
			}
			room -= len(text)
			c.Data[key] = text
		}
		c.Files = nil
	}
	return found
}

// readText reads a file of at most room bytes.
func readText(folder fs.FS, name string, room int) (string, error) {
	f, err := folder.Open(path.Clean(name))
	if err != nil {
		return "", reason(name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", reason(name, err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("read %s: not a file", name)
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(room)+1))
	switch {
	case err != nil:
		return "", reason(name, err)
	case len(data) > room:
		return "", fmt.Errorf("read %s: the config files are larger than %d KiB together", name, maxSize>>10)
	case !utf8.Valid(data):
		return "", fmt.Errorf("read %s: not text in UTF-8", name)
	}
	return string(data), nil
}

// reason leaves out the operation's name and path that a PathError repeats.
func reason(name string, err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		err = p.Err
	}
	return fmt.Errorf("read %s: %w", name, err)
}
