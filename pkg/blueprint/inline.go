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
// room is how many bytes they may have together.
func (b *Blueprint) inline(folder fs.FS, room int) []*Error {
	var found []*Error
	for i := range b.Configs {
		c := &b.Configs[i]
		if len(c.Files) == 0 || c.sources() != 1 {
			continue
		}
		data := map[string]string{}
		for j, name := range c.Files {
			key := path.Base(name)
			text, err := readText(folder, name, room)
			if _, twice := data[key]; twice {
				err = fmt.Errorf("read %s: this config has a file of that name already", name)
			}
			if err != nil {
				found = append(found, &Error{
					Path: fmt.Sprintf("configs[%d].files[%d]", i, j), Problem: err.Error(),
					Hint: "files are found in or below the blueprint's folder",
				})
				continue
			}
			room -= len(text)
			data[key] = text
		}
		if len(data) == len(c.Files) {
			c.Data, c.Files = data, nil
		}
	}
	return found
}

// readText reads a file of at most room bytes.
func readText(folder fs.FS, name string, room int) (string, error) {
	clean := path.Clean(name)
	if !fs.ValidPath(clean) {
		return "", fmt.Errorf("read %s: it lies outside the blueprint's folder", name)
	}
	f, err := folder.Open(clean)
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
		return "", fmt.Errorf("read %s: the blueprint and its files are larger than %d KiB together", name, maxSize>>10)
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
