"""What tests share: the real service, its Redis and its simulated ChatGPT."""
