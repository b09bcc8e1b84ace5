// Package cli is the command nuxtauth: it parses arguments, and prints results.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// The exit statuses.
const (
	statusOK     = 0
	statusFailed = 1 // the command has done its work, and found a fault
	statusUsage  = 2 // the arguments are wrong
)

// An Env is what a command has of its process.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	// StdinTerminal and StdoutTerminal tell that a user types the input, and reads the
	// output: a line of the standard error then says how to go on.
	StdinTerminal, StdoutTerminal bool

	Getenv    func(string) string
	Now       func() time.Time
	Transport http.RoundTripper // for doctor; nil means http.DefaultTransport
	Version   string
}

// System returns the environment of this process.
func System() *Env {
	return &Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		StdinTerminal: isTerminal(os.Stdin), StdoutTerminal: isTerminal(os.Stdout),
		Getenv: os.Getenv, Now: time.Now, Version: version(),
	}
}

// isTerminal reports whether a user types or reads the file.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// A command is a subcommand.
type command struct {
	name    string
	summary string // a line for the list of commands
	usage   string // its arguments
	help    string // what it does
	example string
	run     func(ctx context.Context, e *Env, c *call) error
}

// commands are the subcommands, in the order of the help.
func commands() []command {
	return []command{secretCommand, decodeCommand, encodeCommand, doctorCommand, versionCommand}
}

// A call is one run of a command.
type call struct {
	command
	flags *flag.FlagSet
	args  []string // those that are no flags
}

// usageError is an error of the arguments.
type usageError struct{ error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// errReported is the error of a command that has printed what is wrong.
var errReported = errors.New("reported")

// Run runs the command with these arguments, without the name of the program, and returns
// its exit status.
func Run(ctx context.Context, e *Env, args []string) int {
	if len(args) == 0 {
		printHelp(e.Stderr)
		return statusUsage
	}
	name, args := args[0], args[1:]
	switch name {
	case "-h", "-help", "--help":
		printHelp(e.Stdout)
		return statusOK
	case "help":
		if len(args) == 0 {
			printHelp(e.Stdout)
			return statusOK
		}
		name, args = args[0], []string{"-h"}
	case "-version", "--version", "-v":
		name = "version"
	}
	for _, c := range commands() {
		if c.name == name {
			return c.execute(ctx, e, args)
		}
	}
	fmt.Fprintf(e.Stderr, "nuxtauth: there is no command %q%s: nuxtauth help lists the commands\n", name, similar(name))
	return statusUsage
}

// execute runs the command, and prints its error.
func (c command) execute(ctx context.Context, e *Env, args []string) int {
	k := &call{command: c, flags: flag.NewFlagSet(c.name, flag.ContinueOnError)}
	k.flags.SetOutput(io.Discard)
	run := c.run
	k.args = args
	err := run(ctx, e, k)
	_, wrongUsage := errors.AsType[usageError](err)
	switch {
	case err == nil:
		return statusOK
	case errors.Is(err, flag.ErrHelp):
		k.printHelp(e.Stdout)
		return statusOK
	case errors.Is(err, errReported):
		return statusFailed
	case wrongUsage:
		fmt.Fprintf(e.Stderr, "nuxtauth %s: %v\nnuxtauth %s -h shows how it is used.\n", c.name, err, c.name)
		return statusUsage
	}
	fmt.Fprintf(e.Stderr, "nuxtauth %s: %v\n", c.name, err)
	return statusFailed
}

// parse parses the arguments, of which flags may follow others. The others, of which there
// is at most this number, are in c.args then.
func (c *call) parse(limit int) error {
	rest := c.args
	c.args = nil
	for {
		if err := c.flags.Parse(rest); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return err
			}
			return usageError{err}
		}
		rest = c.flags.Args()
		if len(rest) == 0 {
			return nil
		}
		if len(c.args) == limit {
			return usagef("there is an argument too many: %q", rest[0])
		}
		c.args = append(c.args, rest[0])
		rest = rest[1:]
	}
}

// printHelp prints the list of commands.
func printHelp(w io.Writer) {
	fmt.Fprint(w, `nuxtauth helps to set up and to examine applications with nuxtauth.

Usage:

  nuxtauth <command> [flags] [arguments]

Commands:

`)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-9s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, `
nuxtauth <command> -h shows the flags of a command, and examples.
`)
}

// printHelp prints what the command does.
func (c *call) printHelp(w io.Writer) {
	fmt.Fprintf(w, "Usage: nuxtauth %s\n\n%s\n", strings.TrimSpace(c.name+" "+c.usage), c.help)
	var flags strings.Builder
	c.flags.VisitAll(func(f *flag.Flag) {
		argument, text := flag.UnquoteUsage(f)
		if argument != "" {
			argument = " " + argument
		}
		fmt.Fprintf(&flags, "  -%s%s\n        %s\n", f.Name, argument, strings.ReplaceAll(text, "\n", "\n        "))
	})
	if flags.Len() > 0 {
		fmt.Fprintf(w, "\nFlags:\n\n%s", flags.String())
	}
	fmt.Fprintf(w, "\nExamples:\n\n%s", c.example)
}

// similar returns a question for a name that is nearly that of a command.
func similar(name string) string {
	for _, c := range commands() {
		if distance(strings.ToLower(name), c.name) <= 2 {
			return fmt.Sprintf(" (is it %s?)", c.name)
		}
	}
	return ""
}

// distance is the number of letters to insert, to remove or to replace to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, cost)
		}
	}
	return row[len(b)]
}
