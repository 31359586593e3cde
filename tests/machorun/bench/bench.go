// Bench times mimalloc's TLS models for Apple with Apple images under the
// loader of tests/machorun, prints a table and draws it.
//
// The images take turns, and each round begins with another one, so that what
// disturbs the machine disturbs all; figures are medians of processor time, ratios are of those.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A subject is an image and what it is compared with.
type subject struct {
	image, title string
	base         int // index of the subject whose time is 1
}

var subjects = []subject{
	{"upstream_3_3_2", "3.3.2 fixed slot (upstream)", 0},
	{"patched_3_3_2", "3.3.2 patched", 0},
	{"keys_3_3_2", "3.3.2 pthread keys", 0},
	{"upstream_3_6_0", "3.6.0 pthread keys (upstream)", 3},
	{"patched_3_6_0", "3.6.0 patched", 3},
}

// An operation is what machorun timing calls it, and its title.
var operations = []struct{ name, title string }{
	{"16", "malloc+free 16 B"},
	{"64", "malloc+free 64 B"},
	{"1024", "malloc+free 1 KiB"},
	{"65536", "malloc+free 64 KiB"},
	{"mix", "mix, 4 threads"},
	{"first", "first of a thread"},
}

func main() {
	rounds := flag.Int("rounds", 41, "rounds, 10 or more")
	svg := flag.String("svg", "", "file to draw the table to, relative to where bazel run was called")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: ./bazelw run //tests/machorun:bench -- [-rounds N] [-svg FILE]")
		flag.PrintDefaults()
	}
	flag.Parse()
	if err := run(*rounds, *svg, flag.NArg()); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(rounds int, svg string, extra int) error {
	if extra > 0 || rounds < 10 {
		return fmt.Errorf("expected 10 or more rounds and no arguments, got %d rounds and %d arguments: see -help", rounds, extra)
	}
	files := map[string]string{}
	for _, pair := range strings.Fields(os.Getenv("IMAGES")) {
		name, path, _ := strings.Cut(pair, "=")
		files[name] = path
	}
	program := os.Getenv("MACHORUN")
	if program == "" {
		return errors.New("MACHORUN is empty: run it by bazel run //tests/machorun:bench")
	}
	arguments := []string{"-alarm", strconv.Itoa(120 * rounds), "timing", strconv.Itoa(rounds)}
	for _, s := range subjects {
		path, ok := files[s.image]
		if !ok {
			return fmt.Errorf("IMAGES has no %s", s.image)
		}
		arguments = append(arguments, path)
	}
	command := exec.Command(program, arguments...)
	command.Stderr = os.Stderr // progress
	output, err := command.Output()
	if err != nil {
		return err
	}
	medians, err := medians(output, rounds)
	if err != nil {
		return err
	}
	table(os.Stdout, medians)
	if svg == "" {
		return nil
	}
	if !filepath.IsAbs(svg) {
		svg = filepath.Join(os.Getenv("BUILD_WORKING_DIRECTORY"), svg)
	}
	return os.WriteFile(svg, draw(medians), 0o666)
}

// medians returns nanoseconds by subject and operation from lines
// "SUBJECT_OPERATION PICOSECONDS".
func medians(output []byte, rounds int) ([][]float64, error) {
	times := map[string][]float64{}
	for line := range strings.Lines(string(output)) {
		name, number, _ := strings.Cut(strings.TrimSpace(line), " ")
		picoseconds, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("unexpected line %q", line)
		}
		times[name] = append(times[name], float64(picoseconds)/1000)
	}
	all := make([][]float64, len(subjects))
	for i := range subjects {
		for _, operation := range operations {
			got := times[fmt.Sprintf("%d_%s", i, operation.name)]
			if len(got) != rounds {
				return nil, fmt.Errorf("%d rounds of %s, want %d", len(got), operation.name, rounds)
			}
			slices.Sort(got)
			all[i] = append(all[i], (got[rounds/2]+got[(rounds-1)/2])/2)
		}
	}
	return all, nil
}

func table(w io.Writer, medians [][]float64) {
	fmt.Fprint(w, "| nanoseconds (ratio) |")
	for _, operation := range operations {
		fmt.Fprintf(w, " %s |", operation.title)
	}
	fmt.Fprintf(w, "\n|%s\n", strings.Repeat(" --- |", len(operations)+1))
	for i, s := range subjects {
		fmt.Fprintf(w, "| %s |", s.title)
		for o, time := range medians[i] {
			fmt.Fprintf(w, " %.1f (%.2f) |", time, time/medians[s.base][o])
		}
		fmt.Fprintln(w)
	}
}

// draw makes an SVG of the ratios, a bar for each, with a line at 1.
func draw(medians [][]float64) []byte {
	const left, bar, scale, width = 240, 16, 200, 860
	group := bar*len(subjects) + 34
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n",
		width, group*len(operations)+10)
	fmt.Fprintf(&b, "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n")
	for o, operation := range operations {
		top := o*group + 22
		fmt.Fprintf(&b, `<text x="8" y="%d" font-weight="bold">%s</text>`+"\n", top-6, operation.title)
		for i, s := range subjects {
			ratio := medians[i][o] / medians[s.base][o]
			fill := "#999"
			if i != s.base {
				fill = "#69c"
			}
			y := top + i*bar
			length := min(ratio*scale, width-left-60) // longer ones end at the edge, with their number
			fmt.Fprintf(&b, `<text x="16" y="%d">%s</text><rect x="%d" y="%d" width="%.0f" height="%d" fill="%s"/>`+
				`<text x="%.0f" y="%d">%.2f</text>`+"\n", y+12, s.title, left, y, length, bar-3, fill, left+length+4, y+12, ratio)
		}
		fmt.Fprintf(&b, `<path d="M%d,%d v%d" stroke="#333" stroke-dasharray="3"/>`+"\n", left+scale, top, bar*len(subjects))
	}
	fmt.Fprintln(&b, "</svg>")
	return b.Bytes()
}
