package traffic

// Describe says which fields of the route a shift would change, from the route as it was found. A share that the
// route can't be set to is an error, so that a plan shows it before anything moves.
func Describe(r Route, percent int) ([]string, error) {
	original, err := r.object()
	if err != nil {
		return nil, err
	}
	ops, err := r.shift(original, original, percent)
	if err != nil {
		return nil, err
	}
	lines := make([]string, 0, len(ops))
	for _, o := range ops {
		lines = append(lines, o.says)
	}
	return lines, nil
}
