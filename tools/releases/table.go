package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A table is releases.json. Fields that this program does not know stay in it.
type table struct {
	Schema      int      `json:"schema"`
	URLs        []string `json:"urls"`
	StripPrefix string   `json:"strip_prefix"`
	Releases    []row    `json:"releases"`
}

// A row is a release's; all its fields are text.
type row map[string]string

// The order of a row's fields. Others stand behind them, by their names.
var order = []string{"version", "tag", "sha256", "generation", "apple_model", "patch", "refuse_thread_local", "note"}

func readTable(name string) (*table, []byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, nil, err
	}
	var t table
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&t); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", name, err)
	}
	if t.Schema != 1 {
		return nil, nil, fmt.Errorf("%s: schema %d, expected 1", name, t.Schema)
	}
	return &t, text, nil
}

func (t *table) find(version string) row {
	for _, r := range t.Releases {
		if r["version"] == version {
			return r
		}
	}
	return nil
}

// put sets the row of a release.
func (t *table) put(r row) {
	t.Releases = slices.DeleteFunc(t.Releases, func(old row) bool { return old["version"] == r["version"] })
	t.Releases = append(t.Releases, r)
}

// format writes the table: rows by version, lowest first, one a line.
func (t *table) format() []byte {
	rows := slices.Clone(t.Releases)
	slices.SortStableFunc(rows, func(a, b row) int { return compare(a["version"], b["version"]) })
	var lines []string
	for _, r := range rows {
		lines = append(lines, "    "+r.String())
	}
	var urls []string
	for _, u := range t.URLs {
		urls = append(urls, quote(u))
	}
	return fmt.Appendf(nil, "{\n  \"schema\": %d,\n  \"urls\": [%s],\n  \"strip_prefix\": %s,\n  \"releases\": [\n%s\n  ]\n}\n",
		t.Schema, strings.Join(urls, ", "), quote(t.StripPrefix), strings.Join(lines, ",\n"))
}

// String is the row as it stands in the table.
func (r row) String() string {
	names := slices.Sorted(maps.Keys(r))
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	var fields []string
	for _, name := range names {
		if r[name] != "" {
			fields = append(fields, quote(name)+": "+quote(r[name]))
		}
	}
	return "{" + strings.Join(fields, ", ") + "}"
}

func rank(name string) int {
	if i := slices.Index(order, name); i >= 0 {
		return i
	}
	return len(order)
}

// quote writes a JSON string, with <, > and & as they are.
func quote(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil {
		panic(err) // a string always has a form
	}
	return strings.TrimSuffix(b.String(), "\n")
}

var digest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// validate says what is wrong in the rows.
func (t *table) validate() error {
	seen := map[string]string{}
	for _, r := range t.Releases {
		version, sum := r["version"], r["sha256"]
		switch {
		case version == "" || r["tag"] != "v"+version:
			return finding(fmt.Sprintf("release %q: tag %q, expected v and the version", version, r["tag"]))
		case !digest.MatchString(sum):
			return finding(fmt.Sprintf("release %s: sha256 %q, expected 64 hexadecimal digits", version, sum))
		case seen[sum] != "":
			return finding(fmt.Sprintf("release %s has the sum of %s", version, seen[sum]))
		}
		seen[sum] = version
	}
	return nil
}

var number = regexp.MustCompile(`[0-9]+`)

// numbers are the three of a version, without a suffix such as -beta.
func numbers(version string) []int {
	var n []int
	for _, s := range number.FindAllString(version, 3) {
		i, _ := strconv.Atoi(s)
		n = append(n, i)
	}
	return n
}

// compare orders versions by their numbers: 3.0.2-beta before 3.0.3.
func compare(a, b string) int {
	return cmp.Or(slices.Compare(numbers(a), numbers(b)), strings.Compare(a, b))
}
