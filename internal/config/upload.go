package config

import "math"

// UploadGuard are the limits of uploads, which have no settings of their own:
// those of a source that says nothing. New people pass in any number, because
// somebody named and confirmed each of them.
func UploadGuard() Guard {
	g := defaultGuard()
	g.complete()
	g.Create = Limit{Count: math.MaxInt32, Percent: math.MaxInt32, Floor: math.MaxInt32}
	return g
}
