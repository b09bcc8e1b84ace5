package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// An outcome is what the tests say of a mutant. The zero value is that none has run.
type outcome int

const (
	survived outcome = iota + 1
	killed
	timedOut // killed too: a loop that does not end, or a lock that stays
)

// A test is one of a test binary, which runs in the directory of its package.
type test struct {
	binary, dir, name string
	duration          time.Duration // without a mutant
	executes          map[int]bool  // the mutants in the code that it runs
}

// measure returns the mutants of a suite, after those that match have run.
func measure(o options, s suite) ([]*mutant, error) {
	temp, err := os.MkdirTemp("", "mutate")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	pkg, err := load(s.dir)
	if err != nil {
		return nil, err
	}
	mutants := pkg.compiling(find(pkg))
	ordinals := map[string]int{}
	for _, m := range mutants {
		key := m.key()
		ordinals[key]++
		m.ordinal = ordinals[key]
	}
	overlay, err := pkg.overlay(temp, mutants)
	if err != nil {
		return nil, err
	}
	tests, err := compile(temp, overlay, append([]string{s.dir}, s.also...))
	if err != nil {
		return nil, err
	}
	log.Printf("%s: %d mutants, %d tests", s.dir, len(mutants), len(tests))
	each(o.processes, tests, func(t *test) { t.record(temp) })
	slices.SortFunc(tests, func(a, b *test) int { return cmp.Compare(a.duration, b.duration) })
	var chosen []*mutant
	for _, m := range mutants {
		if o.match.MatchString(m.String()) {
			chosen = append(chosen, m)
		}
	}
	each(o.processes, chosen, func(m *mutant) { m.outcome = m.run(temp, tests) })
	return mutants, nil
}

// each calls do for each element, for some of them at the same time.
func each[T any](processes int, list []T, do func(T)) {
	work := make(chan T)
	var group sync.WaitGroup
	for range processes {
		group.Go(func() {
			for x := range work {
				do(x)
			}
		})
	}
	for _, x := range list {
		work <- x
	}
	close(work)
	group.Wait()
}

// compile builds the test binaries of packages, and returns their tests.
func compile(temp, overlay string, dirs []string) ([]*test, error) {
	var tests []*test
	for i, dir := range dirs {
		binary := filepath.Join(temp, strconv.Itoa(i)+".test")
		if out, err := exec.Command("go", "test", "-c", overlay, "-o", binary, "./"+dir).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("go test -c %s: %w\n%s", dir, err, out)
		}
		list := exec.Command(binary, "-test.list", "^(Test|Example|Fuzz)")
		list.Dir = dir
		out, err := list.Output()
		if err != nil {
			return nil, fmt.Errorf("the tests of %s: %w", dir, err)
		}
		for name := range strings.FieldsSeq(string(out)) {
			tests = append(tests, &test{binary: binary, dir: dir, name: name, executes: map[int]bool{}})
		}
	}
	return tests, nil
}

// record runs the test without a mutant. If it fails, such as one that counts allocations,
// it runs for no mutant.
func (t *test) record(temp string) {
	file, err := os.CreateTemp(temp, "record")
	if err != nil {
		log.Fatal(err)
	}
	file.Close()
	start := time.Now()
	result := runTests(temp, []*test{t}, 10*time.Minute, recordVariable+"="+file.Name())
	t.duration = time.Since(start)
	if result != survived {
		log.Printf("%s fails alone and without a mutant, and is left out: %s", t.name, t.dir)
		return
	}
	executed, err := os.ReadFile(file.Name())
	if err != nil {
		log.Fatal(err)
	}
	for id := range strings.FieldsSeq(string(executed)) {
		n, _ := strconv.Atoi(id)
		t.executes[n] = true
	}
}

// run returns whether one of the tests, which are in the order of their durations, notices
// the mutant. Those that take a quarter of a second together run first.
func (m *mutant) run(temp string, tests []*test) outcome {
	var fast, slow []*test
	var sum time.Duration
	for _, t := range tests {
		if !t.executes[m.id] {
			continue
		}
		if sum += t.duration; sum <= time.Second/4 || fast == nil {
			fast = append(fast, t)
		} else {
			slow = append(slow, t)
		}
	}
	if result := m.runEach(temp, fast); result != survived {
		return result
	}
	return m.runEach(temp, slow)
}

// runEach runs tests of several binaries.
func (m *mutant) runEach(temp string, tests []*test) outcome {
	for len(tests) > 0 {
		var same, others []*test
		var sum time.Duration
		for _, t := range tests {
			if t.binary == tests[0].binary {
				same, sum = append(same, t), sum+t.duration
			} else {
				others = append(others, t)
			}
		}
		if result := runTests(temp, same, 5*sum+3*time.Second, selectVariable+"="+strconv.Itoa(m.id)); result != survived {
			return result
		}
		tests = others
	}
	return survived
}

// runTests runs tests of one binary, with a variable of the environment.
func runTests(temp string, tests []*test, timeout time.Duration, variable string) outcome {
	var names []string
	for _, t := range tests {
		names = append(names, regexp.QuoteMeta(t.name))
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, tests[0].binary, "-test.failfast", "-test.run", "^("+strings.Join(names, "|")+")$")
	cmd.Dir = tests[0].dir
	cmd.Env = append(os.Environ(), "TMPDIR="+temp, variable)
	switch err := cmd.Run(); {
	case ctx.Err() != nil:
		return timedOut
	case err != nil:
		return killed
	}
	return survived
}
