package mimalloc

import (
	"cmp"
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

func TestReleases(t *testing.T) {
	table, err := Releases()
	if err != nil {
		t.Fatal(err)
	}
	if table.Schema != 1 || len(table.URLs) == 0 || table.StripPrefix != "mimalloc-{version}" {
		t.Errorf("schema %d, urls %q, strip_prefix %q", table.Schema, table.URLs, table.StripPrefix)
	}
	sum := regexp.MustCompile(`^[0-9a-f]{64}$`)
	seen := map[string]string{}
	for i, r := range table.Releases {
		if r.Tag != "v"+r.Version {
			t.Errorf("%s: tag %s", r.Version, r.Tag)
		}
		if !sum.MatchString(r.SHA256) {
			t.Errorf("%s: sha256 %q", r.Version, r.SHA256)
		}
		if other := seen[r.SHA256]; other != "" {
			t.Errorf("%s has the sum of %s", r.Version, other)
		}
		seen[r.SHA256] = r.Version
		if !strings.Contains("ABCDEF", r.Generation) || len(r.Generation) > 1 {
			t.Errorf("%s: generation %q", r.Version, r.Generation)
		}
		models := map[string]string{"A": "thread-local", "B": "fixed-slot", "C": "fixed-slot", "D": "fixed-slot", "E": "pthread-key", "F": "pthread-key"}
		patch := "patched"
		if r.Generation == "A" {
			patch = "not-needed"
		}
		switch seen := r.Patch != ""; {
		case seen && (r.Patch != patch || r.AppleModel != models[r.Generation]):
			t.Errorf("%s: generation %q, %s on Apple, %s", r.Version, r.Generation, r.AppleModel, r.Patch)
		case !seen && (r.AppleModel != "" || !strings.Contains(r.Note, "not seen")):
			t.Errorf("%s: not seen, but it is %q on Apple, and the note is %q", r.Version, r.AppleModel, r.Note)
		}
		if i > 0 && compare(table.Releases[i-1].Version, r.Version) >= 0 {
			t.Errorf("%s stands behind %s", r.Version, table.Releases[i-1].Version)
		}
	}
}

var number = regexp.MustCompile(`[0-9]+`)

// compare orders versions by their numbers: 3.0.2-beta before 3.0.3.
func compare(a, b string) int {
	na, nb := number.FindAllString(a, 3), number.FindAllString(b, 3)
	order := slices.CompareFunc(na, nb, func(x, y string) int {
		i, _ := strconv.Atoi(x)
		j, _ := strconv.Atoi(y)
		return cmp.Compare(i, j)
	})
	return cmp.Or(order, strings.Compare(a, b))
}

// Nothing in the file is unknown to the package, and nothing is left out.
func TestTableIsWhole(t *testing.T) {
	decoded, err := Releases()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(decoded)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := json.Unmarshal(table, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("releases.json and what is read of it (-file +read):\n%s", d)
	}
}
