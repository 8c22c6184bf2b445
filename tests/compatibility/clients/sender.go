// Sends a request with Go's net/http, and prints the response as clients.rs reads it: the status, the headers, an empty
// line, the body.
//
//	sender post|stream|twice URL FILE [GATE]
package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

const timeout = 60 * time.Second

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func send(client *http.Client, mode, url string, body []byte) {
	request, err := http.NewRequest("POST", url, bytes.NewReader(body))
	must(err)
	request.Header.Set("Content-Type", "application/json")
	if mode == "stream" {
		request.Header.Set("Accept", "text/event-stream")
	}
	response, err := client.Do(request)
	must(err)
	defer response.Body.Close()
	if mode == "stream" {
		lines := bufio.NewScanner(response.Body)
		for lines.Scan() {
			fmt.Println(lines.Text())
		}
		must(lines.Err())
		return
	}
	read, err := io.ReadAll(response.Body)
	must(err)
	fmt.Println(response.StatusCode)
	for name, values := range response.Header {
		fmt.Printf("%s: %s\n", name, values[0])
	}
	fmt.Printf("\n%s\n", read)
}

func main() {
	mode, url := os.Args[1], os.Args[2]
	body, err := os.ReadFile(os.Args[3])
	must(err)
	client := &http.Client{Timeout: timeout}
	send(client, mode, url, body)
	if mode == "twice" {
		for end := time.Now().Add(timeout); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			if _, err := os.Stat(os.Args[4]); err == nil {
				break
			}
		}
		send(client, mode, url, body)
	}
}
