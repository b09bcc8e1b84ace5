// Command mutate measures the tests of packages of this module: it changes the code in one
// place after the other, as a mistake could, and lists the changes, called mutants, that
// no test notices. It runs in the root of the module:
//
//	go run ./internal/mutate [-p 2] [-m regexp] [package ...]
//
// The packages are directories such as internal/cookie; without any, all of [suites]. The
// tests of a package are compiled once, with all mutants in it: an environment variable
// selects one (rewrite.go). Each runs with the tests that execute the changed code (run.go).
//
// A survivor is a missing test, or code that no behaviour needs. A mutant that behaves as
// the original in all cases is listed in internal/mutate/equivalent.txt, with the reason.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"regexp"
	"runtime"
	"strings"
	"text/tabwriter"
)

// suites are the packages that are measured, each with the other packages whose tests are
// about it too.
var suites = []suite{
	{"token", nil},
	{"internal/origin", nil},
	{"internal/cookie", nil},
	{"internal/flow", nil},
	{"internal/address", nil},
	{"internal/account", nil},
	{"password", nil},
	{"internal/session", []string{"internal/api", ".", "internal/conformance"}},
	{"internal/api", []string{".", "internal/conformance"}},
}

// A suite is a package, by its directory, and the others whose tests run for it.
type suite struct {
	dir  string
	also []string
}

type options struct {
	processes  int
	match      *regexp.Regexp // which mutants to run, by their text in the output
	equivalent string         // the list of equivalent mutants, a file
}

func main() {
	log.SetFlags(0)
	var o options
	flag.IntVar(&o.processes, "p", runtime.NumCPU(), "test `processes` at a time")
	match := flag.String("m", "", "run the mutants whose line in the output matches the `regexp` alone")
	flag.StringVar(&o.equivalent, "equivalent", "internal/mutate/equivalent.txt", "list of equivalent mutants, a `file`")
	flag.Parse()
	var err error
	if o.match, err = regexp.Compile(*match); err != nil {
		log.Fatal(err)
	}
	if err := mutate(os.Stdout, o, chosen(flag.Args())); err != nil {
		log.Fatal(err)
	}
}

// chosen returns the suites of the directories, all if there are none. The tests of an
// unlisted package are its own.
func chosen(dirs []string) []suite {
	if len(dirs) == 0 {
		return suites
	}
	var list []suite
	for _, dir := range dirs {
		s := suite{dir: strings.TrimSuffix(strings.TrimPrefix(dir, "./"), "/")}
		for _, known := range suites {
			if known.dir == s.dir {
				s = known
			}
		}
		list = append(list, s)
	}
	return list
}

// mutate measures the suites, and writes the survivors and a table. An entry of the list
// of equivalent mutants that is wrong is an error.
func mutate(w io.Writer, o options, suites []suite) error {
	list, err := readEquivalents(o.equivalent)
	if err != nil {
		return err
	}
	var table strings.Builder
	columns := tabwriter.NewWriter(&table, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(columns, "package\tmutants\tkilled\tby timeout\tequivalent\tleft\tnoticed\t")
	var wrong []error
	for _, s := range suites {
		mutants, err := measure(o, s)
		if err != nil {
			return fmt.Errorf("%s: %w", s.dir, err)
		}
		var count [timedOut + 1]int
		equivalent := 0
		for _, m := range mutants {
			count[m.outcome]++
			switch listed := list.take(m.key()); {
			case m.outcome == survived && listed:
				equivalent++
			case m.outcome == survived:
				fmt.Fprintf(w, "%s\n\t%s\n", m, m.key())
			case m.outcome != 0 && listed:
				wrong = append(wrong, fmt.Errorf("%s lists a mutant that a test notices: %s", o.equivalent, m.key()))
			}
		}
		noticed, left := count[killed]+count[timedOut], count[survived]-equivalent
		fmt.Fprintf(columns, "%s\t%d\t%d\t%d\t%d\t%d\t%.1f %%\t\n", s.dir, noticed+count[survived], noticed, count[timedOut],
			equivalent, left, 100*float64(noticed)/float64(max(1, noticed+left)))
		for _, key := range list.unused(s.dir) {
			wrong = append(wrong, fmt.Errorf("%s lists a mutant that does not exist: %s", o.equivalent, key))
		}
	}
	columns.Flush()
	fmt.Fprintf(w, "\n%s", table.String())
	return errors.Join(wrong...)
}
