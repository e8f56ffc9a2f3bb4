"""What an account knows, for the clients of OpenAI's API: a model is all of it, or one integration."""
