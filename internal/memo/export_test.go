package memo

// Bound sets how many entries m has at most, and how many bytes they take.
func (m *Memo[V]) Bound(entries, bytes int) *Memo[V] {
	m.entries, m.bytes = entries/shards, bytes/shards
	return m
}
