// Package proxies is the application of docs/proxies.md: package docblock adds the Go
// blocks of the document.
package proxies

import "github.com/gin-gonic/gin"

var r = gin.New()
