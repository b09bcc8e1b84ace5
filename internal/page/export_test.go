package page

import "html/template"

// BreakTemplates makes every page fail after a part of its output.
func (p *Pages) BreakTemplates() {
	t := template.New("")
	for _, name := range []string{"signin", "signout", "verify-request", "error"} {
		template.Must(t.New(name).Parse(`<!DOCTYPE html><title>half a page</title>{{index "" 99}}`))
	}
	p.templates = t
}

// ErrorCodes returns all codes with a text, in lower case.
func ErrorCodes() []string {
	var codes []string
	for code := range notices {
		codes = append(codes, code)
	}
	return codes
}
