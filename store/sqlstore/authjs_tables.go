package sqlstore

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"strings"
)

// A description is a column as the database describes it, or one of a unique key.
type description struct {
	table, name, typ            string
	length, precision           int64
	nullable, supplied, partial bool
	collation, key              string
}

const columnsPostgres = `
	SELECT CAST(c.relname AS text) AS table_name, CAST(a.attname AS text) AS column_name, CAST(t.typname AS text) AS type_name,
		CAST(CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN a.atttypmod - 4 ELSE 0 END AS bigint) AS length,
		CAST(CASE WHEN t.typname IN ('timestamp', 'timestamptz') AND a.atttypmod >= 0 THEN a.atttypmod ELSE 6 END AS bigint) AS digits,
		NOT a.attnotnull AS nullable, a.atthasdef OR a.attidentity <> '' AS supplied, '' AS collation
	FROM pg_catalog.pg_class AS c
		JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid
		JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
	WHERE c.relname IN (CAST($1 AS text), CAST($2 AS text), CAST($3 AS text), CAST($4 AS text)) AND pg_catalog.pg_table_is_visible(c.oid)
		AND a.attnum > 0 AND NOT a.attisdropped`

// A key that is deferred does not serve ON CONFLICT.
const keysPostgres = `
	SELECT CAST(c.relname AS text) AS table_name, CAST(i.indexrelid AS text) AS key_name, CAST(a.attname AS text) AS column_name, false AS partial
	FROM pg_catalog.pg_index AS i
		JOIN pg_catalog.pg_class AS c ON c.oid = i.indrelid
		CROSS JOIN LATERAL generate_series(0, i.indnkeyatts - 1) AS k (n)
		JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = i.indkey[k.n]
	WHERE c.relname IN (CAST($1 AS text), CAST($2 AS text), CAST($3 AS text), CAST($4 AS text)) AND pg_catalog.pg_table_is_visible(c.oid)
		AND i.indisunique AND i.indisvalid AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL`

const columnsMySQL = `
	SELECT table_name, column_name, data_type, coalesce(character_maximum_length, 0), coalesce(datetime_precision, 6),
		is_nullable = 'YES', column_default IS NOT NULL OR extra <> '', coalesce(collation_name, '')
	FROM information_schema.columns WHERE table_schema = database() AND table_name IN ($1, $2, $3, $4)`

const keysMySQL = `
	SELECT table_name, index_name, coalesce(column_name, ''), column_name IS NULL OR sub_part IS NOT NULL
	FROM information_schema.statistics WHERE table_schema = database() AND table_name IN ($1, $2, $3, $4) AND non_unique = 0`

// readTables describes the tables that exist, by their names in the layout.
func (a *authjs) readTables(ctx context.Context, s *Store) (map[string]table, error) {
	l := &a.layout
	names := []string{l.Users.Table, l.Accounts.Table, l.VerificationTokens.Table, l.Sessions.Table}
	inLayout := func(name string) string { return name }
	columns, keys := columnsPostgres, keysPostgres
	if a.dialect == MySQL {
		columns, keys = columnsMySQL, keysMySQL
		ignoresCase, err := first(queryAll(ctx, s, scan[int64], "SELECT @@lower_case_table_names"))
		if err != nil {
			return nil, err
		}
		if ignoresCase != 0 {
			inLayout = func(name string) string {
				if i := slices.IndexFunc(names, func(n string) bool { return strings.EqualFold(n, name) }); i >= 0 {
					return names[i]
				}
				return name
			}
		}
	}
	found, err := queryAll(ctx, s, func(row scanner) (d description, err error) {
		return d, row.Scan(&d.table, &d.name, &d.typ, &d.length, &d.precision, &d.nullable, &d.supplied, &d.collation)
	}, columns, values(names)...)
	if err != nil {
		return nil, err
	}
	tables := make(map[string]table)
	for _, d := range found {
		name := inLayout(d.table)
		if !slices.Contains(names, name) {
			continue // of a collation that ignores case
		}
		t, ok := tables[name]
		if !ok {
			t = table{name: quote(a.dialect, name), columns: make(map[string]*column)}
			tables[name] = t
		}
		t.columns[d.name] = a.columnOf(d)
	}
	parts, err := queryAll(ctx, s, func(row scanner) (d description, err error) {
		var column sql.Null[string]
		err = row.Scan(&d.table, &d.key, &column, &d.partial)
		d.name = column.V
		return d, err
	}, keys, values(names)...)
	if err != nil {
		return nil, err
	}
	for name, t := range tables {
		t.unique = uniqueKeys(parts, func(d description) bool { return inLayout(d.table) == name })
		tables[name] = t
	}
	return tables, nil
}

// uniqueKeys returns the columns of the keys of a table, sorted, but for those of a part of
// a column or an expression.
func uniqueKeys(parts []description, of func(description) bool) [][]string {
	keys, partial := make(map[string][]string), make(map[string]bool)
	for _, d := range parts {
		if of(d) {
			keys[d.key] = append(keys[d.key], d.name)
			partial[d.key] = partial[d.key] || d.partial
		}
	}
	maps.DeleteFunc(keys, func(key string, _ []string) bool { return partial[key] })
	all := make([][]string, 0, len(keys))
	for _, key := range keys {
		slices.Sort(key)
		all = append(all, key)
	}
	return all
}

func (a *authjs) columnOf(d description) *column {
	c := &column{
		quoted: quote(a.dialect, d.name), typ: d.typ, kind: kindOf(a.dialect, d.typ), length: int(d.length),
		unit: 1, max: integers[d.typ], nullable: d.nullable, supplied: d.supplied, collation: d.collation,
	}
	c.bytes = a.dialect == MySQL && (strings.HasSuffix(d.typ, "text") || d.collation == "")
	for range max(0, 3-d.precision) {
		c.unit *= 10
	}
	return c
}
