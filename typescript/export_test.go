package typescript

// WriteTypes is Write for types of package reflect.
var WriteTypes = write
