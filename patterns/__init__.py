"""What is compared: caching patterns, rate limiters and serializers. Imports nothing else of ours."""
