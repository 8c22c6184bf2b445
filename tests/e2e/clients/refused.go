// Sends a body that the server refuses, and prints the status and the `Retry-After` of the response.
// Usage: refused URL BYTES
package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
)

func main() {
	size, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	client := http.Client{Transport: &http.Transport{}}
	response, err := client.Post(os.Args[1], "application/json", bytes.NewReader(make([]byte, size)))
	if err != nil {
		panic(err)
	}
	text, err := io.ReadAll(response.Body)
	if err != nil || !bytes.Contains(text, []byte(`"error"`)) {
		panic(fmt.Sprint(err, string(text)))
	}
	after := response.Header.Get("Retry-After")
	if after == "" {
		after = "None"
	}
	fmt.Println(response.StatusCode, after)
}
