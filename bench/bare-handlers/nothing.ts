/** A function that uses nothing. */
export const handler = async (): Promise<object> => ({ statusCode: 200 });
