package scenario

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// writeImage writes an archive as `docker save` would: an image of nothing but one binary, which is its entry point.
func writeImage(archive, image, binary, arch string) error {
	program, err := os.ReadFile(binary)
	if err != nil {
		return err
	}
	layer, err := archived(file{"food", program})
	if err != nil {
		return err
	}
	config, err := json.Marshal(map[string]any{
		"architecture": arch, "os": "linux",
		"config": map[string]any{"Entrypoint": []string{"/food"}},
		"rootfs": map[string]any{"type": "layers", "diff_ids": []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer))}},
	})
	if err != nil {
		return err
	}
	name := fmt.Sprintf("%x.json", sha256.Sum256(config))
	manifest, err := json.Marshal([]map[string]any{{"Config": name, "RepoTags": []string{image}, "Layers": []string{"layer.tar"}}})
	if err != nil {
		return err
	}
	data, err := archived(file{name, config}, file{"layer.tar", layer}, file{"manifest.json", manifest})
	if err != nil {
		return err
	}
	return os.WriteFile(archive, data, 0o600)
}

type file struct {
	name string
	data []byte
}

func archived(files ...file) ([]byte, error) {
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, f := range files {
		if err := w.WriteHeader(&tar.Header{Name: f.name, Mode: 0o755, Size: int64(len(f.data))}); err != nil {
			return nil, err
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, err
		}
	}
	return out.Bytes(), w.Close()
}

// TestImage reads an image archive back as a container runtime would.
func TestImage(t *testing.T) {
	dir := t.TempDir()
	binary, archive := filepath.Join(dir, "food"), filepath.Join(dir, "image.tar")
	must(t, "write", os.WriteFile(binary, []byte("program"), 0o755))
	must(t, "write the image", writeImage(archive, "localhost/food:1", binary, "arm64"))
	opened, err := os.Open(archive)
	must(t, "open", err)
	defer opened.Close()

	held := map[string][]byte{}
	for r := tar.NewReader(opened); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		must(t, "read the archive", err)
		held[h.Name], err = io.ReadAll(r)
		must(t, "read the archive", err)
	}
	var manifest []struct {
		Config           string
		RepoTags, Layers []string
	}
	must(t, "read the manifest", json.Unmarshal(held["manifest.json"], &manifest))
	var config struct {
		Rootfs struct {
			DiffIDs []string `json:"diff_ids"`
		}
	}
	must(t, "read the config", json.Unmarshal(held[manifest[0].Config], &config))
	layer := held[manifest[0].Layers[0]]
	if want := fmt.Sprintf("sha256:%x", sha256.Sum256(layer)); config.Rootfs.DiffIDs[0] != want {
		t.Errorf("the layer is %s, the config says %s", want, config.Rootfs.DiffIDs[0])
	}
	inside := tar.NewReader(bytes.NewReader(layer))
	h, err := inside.Next()
	must(t, "read the layer", err)
	if data, _ := io.ReadAll(inside); h.Name != "food" || h.Mode != 0o755 || string(data) != "program" {
		t.Errorf("the layer holds %s (%o): %q", h.Name, h.Mode, data)
	}
}
