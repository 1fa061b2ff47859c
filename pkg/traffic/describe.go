package traffic

// Describe says which fields of the route a shift would change, from the route as it was found. A share that the
// route can't be set to is an error, so that a plan shows it before anything moves.
func Describe(r Route, percent int) ([]string, error) { return r.Row.form().describe(r, percent) }
