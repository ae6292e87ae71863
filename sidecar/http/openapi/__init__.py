"""The OpenAPI document of the routes, and the page that shows it. Says nothing that a route does not."""
