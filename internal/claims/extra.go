package claims

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"reflect"
	"strings"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Unmarshal reads a JSON object into v, a pointer to a struct, with the JSON library,
// and the members that no field of the struct declares into extra, an object too. They
// stay as they were sent. Extra is left alone if there are none, and by a type with
// methods for its JSON, which see to it themselves.
//
// A tag could have the JSON library do that for a field, but its versions spell the
// option in different ways, and ignore the spelling of the others.
func Unmarshal(object string, v any, extra *jsontext.Value) error {
	declared := namesOf(v)
	if err := json.Unmarshal([]byte(object), v); err != nil || declared.byMethod {
		return err
	}
	var undeclared []byte
	for name, value := range members(object) {
		if declared.has(name) {
			continue
		}
		undeclared = append(undeclared, ',')
		undeclared = append(append(append(undeclared, name...), ':'), value...)
	}
	if undeclared != nil {
		undeclared[0] = '{'
		undeclared = append(undeclared, '}')
		*extra = undeclared
	}
	return nil
}

// Marshal returns the JSON of v, a pointer to a struct, the same bytes every time,
// followed by the members of extra, a JSON object or empty. It returns an error if
// extra is anything else, or has a member that a field of the struct declares. For a
// type with methods for its JSON, that is what they write.
func Marshal(v any, extra jsontext.Value) ([]byte, error) {
	object, err := json.Marshal(v, json.Deterministic(true))
	if err != nil || len(extra) == 0 {
		return object, err
	}
	declared := namesOf(v)
	if declared.byMethod {
		return object, nil
	}
	fields, ok := inObject(object)
	undeclared, isObject := inObject(extra)
	if !ok || !isObject {
		return nil, errors.New("the undeclared members are not those of a JSON object")
	}
	if len(undeclared) == 0 {
		return object, nil
	}
	object = object[:len(object)-1]
	if len(fields) > 0 {
		object = append(object, ',')
	}
	object = append(append(object, undeclared...), '}')
	written, err := jsontext.AppendFormat(nil, object) // without white space, and no name twice
	if err != nil {
		return nil, fmt.Errorf("the undeclared members: %w", err)
	}
	for name := range members(string(extra)) {
		if declared.has(name) {
			return nil, fmt.Errorf("the undeclared members include %s, which a field declares", name)
		}
	}
	return written, nil
}

// inObject returns the bytes between the braces of a JSON object.
func inObject(object []byte) ([]byte, bool) {
	inner, begins := bytes.CutPrefix(trim(object), []byte("{"))
	inner, ends := bytes.CutSuffix(inner, []byte("}"))
	return trim(inner), begins && ends
}

const whiteSpace = " \t\r\n" // of JSON

func trim(b []byte) []byte { return bytes.Trim(b, whiteSpace) }

// members returns the names and values in an object, which is valid JSON, as they are
// there. Other values have none.
func members(object string) iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		s := scanner(object)
		if s.skip(); !s.take("{") {
			return
		}
		for s.skip(); !s.take("}"); s.skip() {
			if s.take(",") {
				s.skip()
			}
			name := s.quoted()
			s.skip()
			s.take(":")
			s.skip()
			value, ok := s.value()
			if !ok || !yield(name, strings.TrimRight(value, whiteSpace)) {
				return
			}
		}
	}
}

// names tells which names of members a struct type declares. It asks the JSON library,
// whose rules for embedded structs and tags are not those of Go, and remembers the
// answers.
type names struct {
	typ      reflect.Type
	byMethod bool // the type reads or writes its JSON itself
	mu       sync.RWMutex
	answers  map[string]bool // with the quotes of JSON
}

// maxNames limits the answers of a type, because names come from other servers.
const maxNames = 256

var namesOfTypes sync.Map // of reflect.Type to *names

// namesOf returns the names of the type that v points to.
func namesOf(v any) *names {
	t := reflect.TypeOf(v).Elem()
	n, ok := namesOfTypes.Load(t)
	if !ok {
		n, _ = namesOfTypes.LoadOrStore(t, &names{
			typ:      t,
			byMethod: implements(t, jsonMethods...) || implements(t, textMethods...),
			answers:  make(map[string]bool),
		})
	}
	return n.(*names)
}

// has reports whether the type declares a name, given as it is in JSON. All names are
// declared in a type with a field for the others.
func (n *names) has(quoted string) bool {
	n.mu.RLock()
	declared, ok := n.answers[quoted]
	n.mu.RUnlock()
	if ok {
		return declared
	}
	// The object ends after the name, so that nothing is read into the value.
	err := json.Unmarshal([]byte("{"+quoted), reflect.New(n.typ).Interface(), json.RejectUnknownMembers(true))
	declared = !errors.Is(err, json.ErrUnknownName)
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.answers) < maxNames {
		n.answers[strings.Clone(quoted)] = declared
	}
	return declared
}
