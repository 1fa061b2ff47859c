// Package demo tells the project's story on a cluster: under steady load a bad release goes out and comes back by
// itself, then a good one goes all the way, and the requests that failed are counted by the version that failed them.
//
// It needs a cluster that has the food service, the address of its gateway and the plugin's binary, and nothing else
// of the playground, so that the same story can be told anywhere. Start reading at Story.Run; what must have come out
// is in verdict.go (pure).
package demo
