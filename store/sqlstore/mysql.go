package sqlstore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// mysqlVersion matches the version of MySQL, such as 8.4.3, and of MariaDB, such as
// 10.11.14-MariaDB.
var mysqlVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+`)

// checkMySQL refuses settings of a connection with which the store would not work, or
// would lose what it writes.
func (s *Store) checkMySQL(ctx context.Context) error {
	var version, modes, client, results string
	var autocommit bool
	if err := s.db.QueryRowContext(ctx, "SELECT version(), @@sql_mode, @@autocommit, @@character_set_client, @@character_set_results").
		Scan(&version, &modes, &autocommit, &client, &results); err != nil {
		return err
	}
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err == nil {
		if maria := strings.Contains(version, "MariaDB"); maria && (major < 10 || major == 10 && minor < 6) || !maria && major < 8 {
			return fmt.Errorf("the version is %q: MySQL 8.0 or MariaDB 10.6 is needed, or later", version)
		}
	}
	has := func(mode string) bool { return slices.Contains(strings.Split(modes, ","), mode) }
	switch {
	case !has("STRICT_TRANS_TABLES") && !has("STRICT_ALL_TABLES"):
		return fmt.Errorf("sql_mode is %q, with which the server cuts what is too long: add sql_mode=%%27STRICT_TRANS_TABLES%%27 to the name of the data source", modes)
	case has("EMPTY_STRING_IS_NULL"):
		return errors.New("sql_mode has EMPTY_STRING_IS_NULL, with which there are no empty strings: set sql_mode in the name of the data source")
	case !autocommit:
		return errors.New("autocommit is off: a statement would be undone when its connection closes. Remove it from the name of the data source")
	case client != "utf8mb4" || results != "utf8mb4":
		return fmt.Errorf("the connection has the character set %q: set charset=utf8mb4 in the name of the data source", client)
	}
	return nil
}
