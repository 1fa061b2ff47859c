package slot

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// Helm makes text of the errors of an uninstall: whether it is worth another try is in the request that failed.
func TestWhatHelmLeavesOfARequestThatFailed(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/lost":
			panic(http.ErrAbortHandler)
		case "/busy":
			w.WriteHeader(http.StatusTooManyRequests)
		case "/gone":
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer server.Close()
	said := errors.New("failed to delete release: food-blue")
	for path, want := range map[string]func(error) bool{
		"/lost": func(err error) bool { return errors.As(err, new(*url.Error)) },
		"/busy": apierrors.IsTooManyRequests,
		"/gone": func(err error) bool { return err == said },
		"/":     func(err error) bool { return err == said },
	} {
		log := new(journal)
		client := http.Client{Transport: boundTransport{http.DefaultTransport, t.Context(), log}}
		if answer, err := client.Get(server.URL + path); err == nil {
			answer.Body.Close() //nolint:errcheck // there is nothing in it
		}
		if got := log.because(said); !want(got) || !errors.Is(got, said) || got.Error() != said.Error() {
			t.Errorf("%s: %#v", path, got)
		}
	}
}
