package memo

import (
	"math"
	"reflect"
	"time"
)

// TooLarge is what [SizeOf] returns for a value that it does not look through.
// It exceeds every bound.
const TooLarge = math.MaxInt / 2

// What SizeOf looks at: values with pointers in them, and how deep they are
// inside one another.
const (
	maxNodes = 1 << 16
	maxDepth = 64
)

// SizeOf returns about how many bytes of memory v takes, for [Options.Size]: its
// own, and those of strings, of slices with their capacity, of maps, and of what
// pointers and interfaces lead to, each shared pointer, slice and map once.
// What functions, channels and time zones refer to is not counted. A value of
// more than 65,536 parts, or nested more than 64 deep, is TooLarge.
//
// A string counts with its own length, although it may be a part of a longer
// one that stays in memory with it. Nothing may write to v at the same time.
func SizeOf(v any) int {
	s := sizer{seen: make(map[visit]bool)}
	size := s.refers(reflect.ValueOf(&v).Elem(), 0)
	if s.nodes > maxNodes || s.deep {
		return TooLarge
	}
	return size
}

// A sizer adds up what a value refers to.
type sizer struct {
	seen  map[visit]bool
	nodes int
	deep  bool
}

// A visit is memory that is counted already. The type is part of it: a struct
// and its first field have the same address.
type visit struct {
	at uintptr
	t  reflect.Type
}

// refers returns the bytes that v refers to, without those of v itself.
func (s *sizer) refers(v reflect.Value, depth int) int {
	s.nodes++
	s.deep = s.deep || depth > maxDepth
	if s.deep || s.nodes > maxNodes {
		return 0
	}
	depth++
	size := 0
	switch v.Kind() {
	case reflect.String:
		size = v.Len()
	case reflect.Pointer:
		if !v.IsNil() && v.Type() != reflect.TypeFor[*time.Location]() && s.first(v) {
			size = s.whole(v.Elem(), depth)
		}
	case reflect.Interface:
		if !v.IsNil() {
			size = s.whole(v.Elem(), depth)
		}
	case reflect.Slice:
		if v.IsNil() || !s.first(v) {
			return 0
		}
		size = v.Cap() * int(v.Type().Elem().Size())
		if hasReferences(v.Type().Elem()) {
			size += s.elements(v, depth)
		}
	case reflect.Array:
		if hasReferences(v.Type().Elem()) {
			size += s.elements(v, depth)
		}
	case reflect.Map:
		if !v.IsNil() && s.first(v) {
			size = s.ofMap(v, depth)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if hasReferences(v.Field(i).Type()) {
				size += s.refers(v.Field(i), depth)
			}
		}
	}
	return size
}

// whole is refers with the bytes of v itself.
func (s *sizer) whole(v reflect.Value, depth int) int {
	return int(v.Type().Size()) + s.refers(v, depth)
}

// elements returns the bytes that the elements of a slice or array refer to.
func (s *sizer) elements(v reflect.Value, depth int) int {
	size := 0
	for i := 0; i < v.Len() && s.nodes <= maxNodes; i++ {
		size += s.refers(v.Index(i), depth)
	}
	return size
}

// ofMap returns the bytes of a map: its slots, of which about half are in use,
// and what keys and values refer to.
func (s *sizer) ofMap(v reflect.Value, depth int) int {
	const header = 48
	t := v.Type()
	slot := 1 + int(t.Key().Size()+t.Elem().Size())
	size := header + 8*slot*(1+v.Len()/4)
	if !hasReferences(t.Key()) && !hasReferences(t.Elem()) {
		return size
	}
	for i := v.MapRange(); i.Next() && s.nodes <= maxNodes; {
		size += s.refers(i.Key(), depth) + s.refers(i.Value(), depth)
	}
	return size
}

// first reports whether the memory that v points to has not been counted yet.
func (s *sizer) first(v reflect.Value) bool {
	at := visit{v.Pointer(), v.Type()}
	if s.seen[at] {
		return false
	}
	s.seen[at] = true
	return true
}

// hasReferences reports whether values of type t can refer to memory that counts.
func hasReferences(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Pointer, reflect.Interface, reflect.Slice, reflect.Map:
		return true
	case reflect.Array:
		return t.Len() > 0 && hasReferences(t.Elem())
	case reflect.Struct:
		for f := range t.Fields() {
			if hasReferences(f.Type) {
				return true
			}
		}
	}
	return false
}
